import { Random } from '#streams/kit/random.ts';

const WORD = 1n << 64n;
const HALF = 1n << 32n;
const word = (value: bigint) => ((value % WORD) + WORD) % WORD;
const swap = (value: bigint) => (value >> 32n) + (value % HALF) * HALF;
const double = (value: bigint) => Number(BigInt.asIntN(64, value)) / 2 ** 64;

/**
 * The normal numbers that ml/models/monte-carlo draws for a pair of paths, apart from it, by whole numbers of any length: of the instruments,
 * and those that χ² is the sum of squares of.
 */
export function squaresNormals(
  seed: string,
  pair: number,
  size: number,
  freedom: number,
): { readonly instruments: number[]; readonly chi: number[] } {
  const rows = Math.ceil(size / 2);
  const width = rows + Math.max(1, Math.ceil(freedom / 2));
  const key = keyOf(seed);
  const normals = Array.from({ length: width }, (_, row) => {
    const y = word(BigInt(pair * width + row) * key);
    const z = word(y + key);
    let x = swap(word(y * y + y));
    x = swap(word(x * x + z));
    x = swap(word(x * x + y));
    const first = word(x * x + z);
    const second = word(swap(first) ** 2n + y);
    const radius = Math.sqrt(-2 * Math.log(double(first) + 0.5 + 2 ** -53));
    const angle = 2 * Math.PI * double(second);
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  });
  return {
    instruments: normals.slice(0, rows).flat().slice(0, size),
    chi: normals.slice(rows).flat().slice(0, freedom),
  };
}

/** Eight different digits, and before them other eight; the last odd. */
function keyOf(seed: string): bigint {
  const random = new Random(seed);
  const eight = () => {
    let left = '0123456789abcdef';
    let taken = '';
    while (taken.length < 8) {
      const digit = left[random.below(left.length)]!;
      taken += digit;
      left = left.replace(digit, '');
    }
    return taken;
  };
  let low = eight();
  while (!/[13579bdf]$/.test(low)) low = eight();
  return BigInt(`0x${eight()}${low}`);
}
