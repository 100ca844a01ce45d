import { describe, expect, it } from 'vitest';
import { parseIndicator } from '#quant/indicators/spec.ts';

const texts = (...given: string[]) => given.map((text) => parseIndicator(text).text);

describe('the text of an indicator', () => {
  it('is the shortest that says the same', () => {
    expect(texts('RSI', 'rsi(14)', ' RSI( 14 ) ', 'RSI()', 'RSI(14;close)')).toEqual(Array(5).fill('RSI(14)'));
    expect(texts('MACD', 'MACD(12,26)', 'MACD(12,,9)')).toEqual(Array(3).fill('MACD(12,26,9)'));
    expect(texts('EMA(20;high)', 'SMA(;volume)', 'OBV', 'CDLDOJI()')).toEqual([
      'EMA(20;high)',
      'SMA(30;volume)',
      'OBV',
      'CDLDOJI',
    ]);
    expect(texts('BBANDS(20,2.5,2,1)', 'SAR(.02,.2)')).toEqual(['BBANDS(20,2.5,2,1)', 'SAR(0.02,0.2)']);
  });

  it.each([
    ['NOTHING', 'there is no NOTHING'],
    ['RSI(14', 'expected a name such as RSI'],
    ['', 'expected a name such as RSI'],
    ['RSI(1)', 'timeperiod is 1: expected a whole number from 2 to 100000'],
    ['RSI(14.5)', 'timeperiod is 14.5: expected a whole number'],
    ['RSI(x)', 'timeperiod is x'],
    ['RSI(14,2)', '2 parameters, but RSI has 1: timeperiod'],
    ['OBV(3)', '1 parameters, but OBV has 0: none'],
    ['RSI(14;price)', '"price" is no series'],
    ['ATR(14;close)', 'ATR is calculated of high, low, close, not of one series'],
    ['MA(10,7)', 'moving average type 7 (MAMA) is not there: take 0 SMA'],
    ['SAR(-1,0.2)', 'acceleration is -1: expected a number from 0'],
  ])('is refused: %s', (text, message) => {
    expect(() => parseIndicator(text)).toThrow(message);
  });
});
