import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type HistoryDay, parseHistory } from './parse.ts';

/** The shipped history (data/, 8,313 days), oldest day first. */
export function loadHistory(): HistoryDay[] {
  const text = (name: string) => gunzipSync(readFileSync(join(import.meta.dirname, 'data', name))).toString('ascii');
  return parseHistory(text('closes.csv.gz'), text('nasdaq.csv.gz'));
}
