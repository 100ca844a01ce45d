import type { Filter, SeriesIndicator } from './types.ts';

/** A filter as an indicator with one output. */
export const single = (filter: Filter): SeriesIndicator => ({
  step: (value, outputs) => {
    outputs[0] = filter.next(value);
  },
});
