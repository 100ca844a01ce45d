/** Kafka's default partitioner: murmur2 of the key's bytes as the Java client computes it, so that every producer agrees. */
export function murmur2Partition(key: Buffer | string, partitions: number): number {
  return partitions === 1 ? 0 : (murmur2(typeof key === 'string' ? Buffer.from(key) : key) & 0x7fffffff) % partitions;
}

/** The same of a key that is a range of a buffer. */
export function murmur2PartitionOf(data: Uint8Array, start: number, end: number, partitions: number): number {
  return partitions === 1 ? 0 : (murmur2(data, start, end) & 0x7fffffff) % partitions;
}

/** MurmurHash2, 32 bit, seed 0x9747b28c (`org.apache.kafka.common.utils.Utils.murmur2`). */
export function murmur2(data: Uint8Array, start = 0, end = data.length): number {
  const m = 0x5bd1e995;
  const length = end - start;
  let hash = 0x9747b28c ^ length;
  let index = start;
  for (; index + 4 <= end; index += 4) {
    let k = data[index]! | (data[index + 1]! << 8) | (data[index + 2]! << 16) | (data[index + 3]! << 24);
    k = Math.imul(k, m);
    k ^= k >>> 24;
    hash = Math.imul(hash, m) ^ Math.imul(k, m);
  }
  const rest = end - index;
  if (rest >= 3) hash ^= data[index + 2]! << 16;
  if (rest >= 2) hash ^= data[index + 1]! << 8;
  if (rest >= 1) hash = Math.imul(hash ^ data[index]!, m);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, m);
  return hash ^ (hash >>> 15);
}
