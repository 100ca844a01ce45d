const SLOTS = 4096;
/** Longer strings are not kept. */
const MAX_BYTES = 64;

/**
 * Strings of short UTF-8 byte ranges that mostly come again, as keys do. A string met before costs a comparison of its bytes
 * instead of a call into native code and a new string.
 */
export class StringCache {
  readonly #strings: (string | undefined)[] = new Array(SLOTS).fill(undefined);
  readonly #lengths = new Uint8Array(SLOTS);
  readonly #bytes = new Uint8Array(SLOTS * MAX_BYTES);

  get(buffer: Buffer, start: number, end: number): string {
    const length = end - start;
    if (length > MAX_BYTES) return buffer.toString('utf8', start, end);
    let hash = length;
    let high = 0;
    for (let index = start; index < end; index++) {
      const byte = buffer[index]!;
      high |= byte;
      hash = Math.imul(hash ^ byte, 0x01000193);
    }
    const slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
    const known = this.#strings[slot];
    const bytes = this.#bytes;
    const base = slot * MAX_BYTES;
    if (known !== undefined && this.#lengths[slot] === length) {
      let index = 0;
      while (index < length && bytes[base + index] === buffer[start + index]) index++;
      if (index === length) return known;
    }
    const text = high < 128 ? buffer.toString('latin1', start, end) : buffer.toString('utf8', start, end);
    this.#strings[slot] = text;
    this.#lengths[slot] = length;
    for (let index = 0; index < length; index++) bytes[base + index] = buffer[start + index]!;
    return text;
  }
}
