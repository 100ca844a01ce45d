/** 1980-01-01, the first day that a zip file knows. */
const FIRST_DAY = 0x0021;
const END = 0x06054b50;
const ENTRY = 0x02014b50;
const END_BYTES = 22;

/** The same zip file with every entry of 1980-01-01: its writer stamps the wall clock, and the same report must be the same bytes. */
export function withoutClock(zip: Buffer): Buffer {
  const bytes = Buffer.from(zip);
  const end = bytes.length - END_BYTES;
  if (end < 0 || bytes.readUInt32LE(end) !== END)
    throw new Error('a zip file without the end that its writer gives it');
  const entries = bytes.readUInt16LE(end + 10);
  let at = bytes.readUInt32LE(end + 16);
  for (let entry = 0; entry < entries; entry++) {
    if (bytes.readUInt32LE(at) !== ENTRY) throw new Error(`no entry of a zip file at byte ${at}`);
    const local = bytes.readUInt32LE(at + 42);
    for (const time of [at + 12, local + 10]) {
      bytes.writeUInt16LE(0, time);
      bytes.writeUInt16LE(FIRST_DAY, time + 2);
    }
    at += 46 + bytes.readUInt16LE(at + 28) + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  }
  return bytes;
}
