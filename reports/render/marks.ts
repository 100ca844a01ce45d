/** A chart as lines, boxes, dots and texts on a sheet of points: what PDF and SVG both draw. y goes down. */

export type Mark =
  | {
      readonly kind: 'line';
      readonly points: readonly (readonly [x: number, y: number])[];
      readonly color: string;
      readonly width: number;
      /** On and off; null: solid. */
      readonly dash: readonly [number, number] | null;
    }
  | {
      readonly kind: 'box';
      readonly x: number;
      readonly y: number;
      readonly width: number;
      readonly height: number;
      readonly color: string;
    }
  | { readonly kind: 'dot'; readonly x: number; readonly y: number; readonly radius: number; readonly color: string }
  | {
      readonly kind: 'text';
      readonly x: number;
      /** Of the base line. */
      readonly y: number;
      readonly text: string;
      readonly size: number;
      readonly anchor: 'start' | 'middle' | 'end';
      readonly color: string;
    };

export interface Plot {
  readonly width: number;
  readonly height: number;
  readonly marks: readonly Mark[];
}

export const INK = '#1b1f24';
export const MUTED = '#57606a';
export const GRID = '#d8dee4';
export const LABEL_SIZE = 7;
/** Told apart also by who sees few colours (Okabe and Ito), and by their dashes in black and white. */
export const COLORS = ['#0072b2', '#d55e00', '#009e73', '#6f42c1', '#8c6d00'];
export const DASHES: readonly (readonly [number, number] | null)[] = [null, [4, 2], [1.5, 2], [6, 2], [3, 3]];

export const rule = (
  points: readonly (readonly [number, number])[],
  color: string,
  width = 0.5,
  dash: readonly [number, number] | null = null,
): Mark => ({ kind: 'line', points, color, width, dash });

export const label = (
  x: number,
  y: number,
  text: string,
  anchor: 'start' | 'middle' | 'end' = 'start',
  color = MUTED,
): Mark => ({ kind: 'text', x, y, text, size: LABEL_SIZE, anchor, color });
