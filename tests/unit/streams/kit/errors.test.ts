import { describe, expect, it } from 'vitest';
import { mayPass, TidemarkError } from '#streams/kit/errors.ts';

describe('whether trying again may help', () => {
  it.each([
    ['a broken connection', new Error('socket hang up'), true],
    ['an error of ours that says so', new TidemarkError('KAFKA_UNREACHABLE', 'no broker', { retriable: true }), true],
    ['an error of ours that does not', new TidemarkError('STATE_LOCKED', 'in use'), false],
    ['a fetch that reached no server', new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') }), true],
    ['a mistake in a program', new TypeError("Cannot read properties of undefined (reading 'x')"), false],
    ['a number out of range', new RangeError('Invalid array length'), false],
    ['something thrown that is no error', 'text', true],
  ])('of %s', (_, error, expected) => {
    expect(mayPass(error)).toBe(expected);
  });
});
