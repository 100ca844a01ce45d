import { firstPassage } from './first-passage.ts';

/** Minutes ahead that a breach is foreseen for, where a limit's figure moves within the day. */
export const HORIZONS_MINUTES = [5, 30, 60] as const;
/** What is closer together is one move: prices that jump between bid and ask would count as risk. */
const LEAST_MINUTES = 1;
/** What is further apart is no move of minutes: a night, a halt, a replay of days. */
const GAP_MINUTES = 60;
const HALF_LIFE_MINUTES = 60;
/** With fewer nothing is said: the volatility would be known to a fifth at best. */
const LEAST_MOVES = 30;
const MINUTE_MICROS = 60e6;

/** As it is kept: time of the last move (microseconds; 0 before the first) and figure then, sum of squares, of minutes, number of moves. */
export type MotionSnapshot = readonly [time: number, level: number, squares: number, minutes: number, moves: number];

/**
 * How fast a limit's utilisation moves within the day: realised variance over the minutes in which it was observed, both with a half-life of an hour,
 * so that records may come at any times (Andersen and Bollerslev, International Economic Review 39, 1998).
 */
export class IntradayMotion {
  #time: number;
  #level: number;
  #squares: number;
  #minutes: number;
  #moves: number;

  constructor([time, level, squares, minutes, moves]: MotionSnapshot = [0, 0, 0, 0, 0]) {
    this.#time = time;
    this.#level = level;
    this.#squares = squares;
    this.#minutes = minutes;
    this.#moves = moves;
  }

  /** What comes late, or within a minute of the last move, changes nothing. */
  take(eventTime: number, utilisation: number): void {
    const minutes = (eventTime - this.#time) / MINUTE_MICROS;
    if (minutes < LEAST_MINUTES) return;
    if (minutes <= GAP_MINUTES) {
      const decay = 0.5 ** (minutes / HALF_LIFE_MINUTES);
      this.#squares = decay * this.#squares + (utilisation - this.#level) ** 2;
      this.#minutes = decay * this.#minutes + minutes;
      this.#moves++;
    }
    this.#time = eventTime;
    this.#level = utilisation;
  }

  /**
   * Probabilities that a utilisation that goes on like this, as a Brownian motion without drift, reaches 1 within {@link HORIZONS_MINUTES}; empty as long
   * as fewer than 30 moves were seen.
   */
  ahead(utilisation: number): readonly number[] {
    if (this.#moves < LEAST_MOVES) return [];
    const volatility = Math.sqrt(this.#squares / this.#minutes);
    return HORIZONS_MINUTES.map((minutes) => firstPassage(1 - utilisation, 0, volatility, minutes));
  }

  snapshot(): MotionSnapshot {
    return [this.#time, this.#level, this.#squares, this.#minutes, this.#moves];
  }
}
