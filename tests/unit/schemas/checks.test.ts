import { describe, expect, it } from 'vitest';
import { eventTimeProblem, idProblem, MAX_ID_LENGTH, recordIdProblem } from '#schemas/checks.ts';

describe('ids', () => {
  it('takes names of any script, spaces and punctuation', () => {
    for (const id of ['AAPL', 'equal-weight', 'BRK.B', 'EUR USD', '東京', 'x'.repeat(MAX_ID_LENGTH)])
      expect(idProblem('instrument', id)).toBeNull();
  });
  it('refuses what would break a key or a database', () => {
    expect(idProblem('instrument', '')).toBe('The instrument id is empty');
    expect(idProblem('portfolio', 'x'.repeat(MAX_ID_LENGTH + 1))).toContain('101 characters; at most 100');
    expect(idProblem('instrument', 'BTC/USD')).toContain('contains "/"');
    expect(idProblem('portfolio', 'a\u0000b')).toContain('control character');
  });
  it('lets record ids hold a slash and more characters', () => {
    expect(recordIdProblem('fill', `${'x'.repeat(250)}/1`)).toBeNull();
    expect(recordIdProblem('fill', '')).toBe('The fill id is empty');
    expect(recordIdProblem('fill', 'x'.repeat(301))).toContain('301 characters');
  });
});

describe('event times', () => {
  const now = Date.UTC(2024, 0, 1);
  it('may be up to a day ahead', () => {
    expect(eventTimeProblem(0, now)).toBeNull();
    expect(eventTimeProblem((now + 86_400_000) * 1000, now)).toBeNull();
    expect(eventTimeProblem((now + 86_400_000) * 1000 + 1, now)).toEqual({
      code: 'EVENT_TIME_IN_FUTURE',
      reason:
        'The event time 2024-01-02T00:00:00.000Z is more than a day ahead of the clock (2024-01-01T00:00:00.000Z)',
    });
    for (const year of [2200, 3000, 270_000])
      expect(eventTimeProblem(Date.UTC(year, 0, 1) * 1000, now)?.code).toBe('EVENT_TIME_IN_FUTURE');
  });
  it('are whole microseconds since 1970', () => {
    for (const time of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      expect(eventTimeProblem(time, now)?.code).toBe('EVENT_TIME_INVALID');
  });
});
