/** Places are multiples of this many bytes, so that 32 bits reach 32 GiB. */
const UNIT = 8;
const SEGMENT_BYTES = 4 * 1024 * 1024;
const SEGMENT_UNITS = SEGMENT_BYTES / UNIT;

/**
 * Memory outside the JavaScript heap for many small byte strings: the garbage collector never looks at them. Freed places are
 * used again by strings of the same size class.
 */
export class Slab {
  readonly #segments: Buffer[] = [];
  /** Freed places by size class. */
  readonly #free: number[][] = [];
  #nextUnit = 0;
  #endUnit = 0;

  /** Bytes taken from the system. */
  get bytes(): number {
    return this.#segments.length * SEGMENT_BYTES;
  }

  /** A place for `length` bytes. A longer string than a segment gets segments of its own, in one piece. */
  allocate(length: number): number {
    const units = sizeInUnits(length);
    const freed = this.#free[units];
    if (freed !== undefined && freed.length > 0) return freed.pop()!;
    if (this.#nextUnit + units > this.#endUnit) this.#grow(units);
    const place = this.#nextUnit;
    this.#nextUnit += units;
    return place;
  }
  free(place: number, length: number): void {
    const units = sizeInUnits(length);
    const freed = this.#free[units];
    if (freed === undefined) this.#free[units] = [place];
    else freed.push(place);
  }
  /** True when a string of `length` bytes takes the place of one of `before` bytes. */
  fits(length: number, before: number): boolean {
    return sizeInUnits(length) === sizeInUnits(before);
  }
  /** The buffer a place lies in; `offset(place)` tells where. */
  buffer(place: number): Buffer {
    return this.#segments[(place / SEGMENT_UNITS) | 0]!;
  }
  offset(place: number): number {
    const segment = this.#segments[(place / SEGMENT_UNITS) | 0]!;
    // Every segment number of a long piece holds the same buffer, and a place is only ever at its beginning.
    return segment.length > SEGMENT_BYTES ? 0 : (place % SEGMENT_UNITS) * UNIT;
  }

  #grow(units: number): void {
    const first = this.#segments.length;
    const count = Math.max(1, Math.ceil(units / SEGMENT_UNITS));
    const segment = Buffer.allocUnsafeSlow(count * SEGMENT_BYTES);
    for (let index = 0; index < count; index++) this.#segments.push(segment);
    this.#nextUnit = first * SEGMENT_UNITS;
    this.#endUnit = this.#nextUnit + (count > 1 ? units : SEGMENT_UNITS);
  }
}

/** Sizes of up to 64 units as they are, then four steps a doubling: a value that grows by a digit mostly keeps its place. */
function sizeInUnits(length: number): number {
  const units = Math.max(1, Math.ceil(length / UNIT));
  if (units <= 64) return units;
  const step = 2 ** (Math.floor(Math.log2(units - 1)) - 2);
  return Math.ceil(units / step) * step;
}

/** Below about 48 bytes a loop beats the call into native code. */
export function copyBytes(source: Buffer, start: number, end: number, target: Buffer, at: number): void {
  if (end - start > 48) source.copy(target, at, start, end);
  else for (let index = start, to = at; index < end; index++) target[to++] = source[index]!;
}
