/** Records of RFC 4180 text, by the letter: throws at a lone quote, a bare line feed and records of different length. */
export function readCsv(text: string): string[][] {
  const records: string[][] = [];
  let at = 0;
  while (at < text.length) {
    const record: string[] = [];
    for (;;) {
      let field = '';
      if (text[at] === '"') {
        at++;
        for (; ; at++) {
          if (at >= text.length) throw new Error('a quote is never closed');
          if (text[at] !== '"') field += text[at];
          else if (text[at + 1] === '"') {
            field += '"';
            at++;
          } else break;
        }
        at++;
      } else {
        while (at < text.length && !/[",\r\n]/.test(text[at]!)) field += text[at++];
        if (text[at] === '"') throw new Error(`a quote within "${field}"`);
      }
      record.push(field);
      if (text[at] !== ',') break;
      at++;
    }
    if (text.slice(at, at + 2) !== '\r\n') throw new Error(`no line end after "${record.at(-1)}"`);
    at += 2;
    records.push(record);
  }
  const lengths = new Set(records.map(({ length }) => length));
  if (lengths.size > 1) throw new Error(`records of ${[...lengths].join(', ')} fields`);
  return records;
}
