/** What the fonts of every PDF reader can show: WinAnsi, the Latin letters of Western Europe. */
const BEYOND_LATIN_1 = new Set([...'ƒ–—‘’‚“”„†‡•…€‰‹›ˆ™Œœ˜ŠšŸŽž']);
const REPLACED: Readonly<Record<string, string>> = {
  '\u2212': '-',
  '\u2010': '-',
  '\u2011': '-',
  '\u2264': '<=',
  '\u2265': '>=',
  '\u2192': '->',
  '\u221a': 'sqrt ',
};
/** Marks that only change how others look, and those that turn the direction. */
const UNSEEN = /[\p{Mn}\p{Cf}]/u;

/** The text with what the fonts have, and whether something of it was lost: ? stands for what they do not have. */
export function encodable(text: string): { readonly text: string; readonly lost: boolean } {
  let lost = false;
  let result = '';
  for (const letter of text.normalize('NFC')) {
    const simple = known(letter);
    if (simple === null) lost = true;
    result += simple ?? '?';
  }
  return { text: result, lost };
}

function known(letter: string): string | null {
  const code = letter.codePointAt(0)!;
  if ((code >= 0x20 && code <= 0x7e) || (code >= 0xa1 && code <= 0xff && code !== 0xad) || BEYOND_LATIN_1.has(letter))
    return letter;
  if (letter in REPLACED) return REPLACED[letter]!;
  if (/\s/.test(letter)) return ' ';
  if (code < 0x20 || (code >= 0x7f && code <= 0x9f) || UNSEEN.test(letter)) return '';
  const plain = letter.normalize('NFKD').replace(/\p{Mn}/gu, '');
  return plain !== letter && /^[\x20-\x7e]+$/.test(plain) ? plain : null;
}

/** How many letters of a text stand within a width, at least one. By halves: a text may be long. */
function fitting(text: string, width: number, widthOf: (text: string) => number): number {
  let [fits, tooMany] = [1, text.length];
  while (tooMany - fits > 1) {
    const letters = (fits + tooMany) >> 1;
    if (widthOf(text.slice(0, letters)) <= width) fits = letters;
    else tooMany = letters;
  }
  return fits;
}

/** The lines that a text takes within a width; a word that is wider is broken. At least one line. */
export function wrapped(text: string, width: number, widthOf: (text: string) => number): string[] {
  const lines: string[] = [];
  let line = '';
  const put = (word: string) => {
    const longer = line === '' ? word : `${line} ${word}`;
    if (widthOf(longer) <= width) {
      line = longer;
      return;
    }
    if (line !== '') lines.push(line);
    line = word;
    while (widthOf(line) > width && line.length > 1) {
      const letters = fitting(line, width, widthOf);
      lines.push(line.slice(0, letters));
      line = line.slice(letters);
    }
  };
  for (const word of text.split(' ')) if (word !== '') put(word);
  return line === '' && lines.length > 0 ? lines : [...lines, line];
}
