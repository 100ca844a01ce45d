import { inflateSync } from 'node:zlib';

/** What a reader sees of a PDF: its text page by page, and what the file says of itself. */
export interface PdfDocument {
  /** Texts of each page in the order in which they are drawn. */
  readonly pages: readonly (readonly string[])[];
  readonly info: Readonly<Record<string, string>>;
}

interface Stream {
  readonly head: string;
  readonly content: string;
}

/** Reads what our writer writes: plain objects, deflated streams, WinAnsi text in hex. Throws where the file is not sound. */
export function readPdf(bytes: Buffer): PdfDocument {
  const file = bytes.toString('latin1');
  if (!file.startsWith('%PDF-1.7')) throw new Error('no PDF 1.7');
  const start = Number(/startxref\s+(\d+)\s+%%EOF\s*$/.exec(file)![1]);
  if (!file.slice(start).startsWith('xref')) throw new Error('the cross-reference table is not where the file says');
  const objects = new Map<string, Stream>();
  for (const [, id, offset] of [...file.slice(start).matchAll(/^(\d{10}) 00000 n/gm)].map(
    (match, at) => [at, String(at + 1), Number(match[1])] as const,
  )) {
    const from = offset;
    if (!file.slice(from).startsWith(`${id} 0 obj`)) throw new Error(`object ${id} is not where the table says`);
    const end = file.indexOf('endobj', from);
    const body = file.slice(from, end);
    const stream = body.indexOf('stream\n');
    const head = stream < 0 ? body : body.slice(0, stream);
    const length = Number(/\/Length (\d+)/.exec(head)?.[1] ?? 0);
    const raw = bytes.subarray(from + stream + 7, from + stream + 7 + length);
    const content = stream < 0 ? '' : (/FlateDecode/.test(head) ? inflateSync(raw) : raw).toString('latin1');
    objects.set(id, { head, content });
  }
  const kids = /\/Kids \[([^\]]*)\]/.exec(
    [...objects.values()].find(({ head }) => /\/Type \/Pages/.test(head))!.head,
  )![1]!;
  const pages = [...kids.matchAll(/(\d+) 0 R/g)].map((match) => {
    const contents = /\/Contents (\d+) 0 R/.exec(objects.get(match[1]!)!.head)![1]!;
    return texts(objects.get(contents)!.content);
  });
  const info = objects.get(/\/Info (\d+) 0 R/.exec(file.slice(start))![1]!)!.head;
  const entries = [...info.matchAll(/\/(\w+) (\d+) 0 R/g)].map(([, name, id]) => {
    const literal = /\(((?:\\[\s\S]|[^\\)])*)\)/.exec(objects.get(id!)!.head)![1]!;
    return [name!, decoded(literal)];
  });
  return { pages, info: Object.fromEntries(entries) };
}

const WIN_ANSI = new TextDecoder('windows-1252');

function texts(content: string): string[] {
  return [...content.matchAll(/\[([^\]]*)\] TJ/g)].map((shown) => {
    const hex = [...shown[1]!.matchAll(/<([0-9a-f]*)>/g)].map((part) => part[1]!).join('');
    if (hex.length % 2 === 1) throw new Error(`half a byte in ${hex}`);
    return WIN_ANSI.decode(Buffer.from(hex, 'hex'));
  });
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f' };

/** A literal string, which is UTF-16 where it begins with its mark. */
function decoded(literal: string): string {
  const bytes = literal.replace(/\\([\s\S])/g, (_, letter: string) => ESCAPES[letter] ?? letter);
  return bytes.startsWith('\xfe\xff') ? Buffer.from(bytes.slice(2), 'latin1').swap16().toString('utf16le') : bytes;
}
