import { describe, expect, it } from 'vitest';
import { parseTime } from '#connectors/file/time.ts';

const NOW_MS = Date.UTC(2024, 5, 1);
const at = (iso: string) => Date.parse(iso) * 1000;

describe('parseTime', () => {
  it.each([
    ['2024-01-05T15:30:00Z', at('2024-01-05T15:30:00Z')],
    ['2024-01-05T15:30:00.123456Z', at('2024-01-05T15:30:00Z') + 123_456],
    ['2024-01-05T15:30:00.123456789Z', at('2024-01-05T15:30:00Z') + 123_456],
    ['2024-01-05T15:30:00.5+05:30', at('2024-01-05T10:00:00.500Z')],
    ['2024-01-05T15:30:00-0500', at('2024-01-05T20:30:00Z')],
    ['2024-01-05T15:30:00-05', at('2024-01-05T20:30:00Z')],
    ['2024-02-29 15:30', at('2024-02-29T15:30:00Z')],
    ['1990-01-02', at('1990-01-02T00:00:00Z')],
    ['1970-01-01', 0],
  ])('reads ISO 8601 %s, without a zone as UTC', (text, micros) => {
    expect(parseTime(text, NOW_MS)).toBe(micros);
  });

  it.each([
    ['1704468600', at('2024-01-05T15:30:00Z')],
    ['1704468600.25', at('2024-01-05T15:30:00.250Z')],
    ['1704468600123', at('2024-01-05T15:30:00.123Z')],
    ['1704468600123456', at('2024-01-05T15:30:00Z') + 123_456],
    ['1704468600123456789', at('2024-01-05T15:30:00Z') + 123_456],
    ['631152000', at('1990-01-01T00:00:00Z')],
    ['631152000000', at('1990-01-01T00:00:00Z')],
    ['631152000000000', at('1990-01-01T00:00:00Z')],
    ['631152000000000000', at('1990-01-01T00:00:00Z')],
    ['0', 0],
  ])('tells the unit of the epoch %s by its magnitude', (text, micros) => {
    expect(parseTime(text, NOW_MS)).toBe(micros);
  });

  it.each([
    ['2024-02-30', 'calendar'],
    ['2023-02-29T00:00:00Z', 'calendar'],
    ['2024-13-01', 'calendar'],
    ['2024-00-10', 'calendar'],
    ['2024-01-05T24:00:00Z', 'time of day'],
    ['2024-01-05T10:60', 'time of day'],
    ['2024-01-05T10:00:00+25:00', 'zone'],
    ['05/01/2024', 'expected ISO 8601'],
    ['yesterday', 'expected ISO 8601'],
    ['-1', 'expected ISO 8601'],
    ['1e9', 'expected ISO 8601'],
    ['1965-01-01', 'before 1970'],
    ['20240105', 'write 2024-01-05'],
    ['3000-01-01', 'ahead of the clock'],
    ['99999999999999999999', 'ahead of the clock'],
    ['2024-06-02T00:00:01Z', 'ahead of the clock'],
  ])('refuses %s and says why', (text, reason) => {
    expect(parseTime(text, NOW_MS)).toContain(reason);
  });

  it('takes a time up to a day ahead of the clock', () => {
    expect(parseTime('2024-06-02T00:00:00Z', NOW_MS)).toBe(at('2024-06-02T00:00:00Z'));
  });
});
