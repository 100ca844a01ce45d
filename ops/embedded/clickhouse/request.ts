/** Pure: what a ClickHouse HTTP request asks for, from its URL parameters, headers and body text. */

/** Names of URL parameters that are the protocol's own; every other one is a setting of the query. */
const PROTOCOL = new Set(
  `query database default_format query_id user password quota_key role session_id session_timeout session_check compress
   decompress buffer_size wait_end_of_query stacktrace client_protocol_version close_session`.split(/\s+/),
);
/** Settings that only the HTTP handler of a server reads. */
const HTTP_SETTINGS = /^(http_|enable_http_|send_progress_in_http_|add_http_|cancel_http_)/;

const quote = (text: string) => `'${text.replace(/\\/g, '\\\\').replace(/'/g, "\\'")}'`;
const identifier = (text: string) => `\`${text.replace(/\\/g, '\\\\').replace(/`/g, '\\`')}\``;

/** Statements that put a connection into the state the request asks for: settings, parameters, database. */
export function preparation(parameters: URLSearchParams, readonly: boolean, database: string | null): string[] {
  const sets: string[] = [];
  for (const [name, value] of parameters) {
    if (PROTOCOL.has(name) || HTTP_SETTINGS.test(name)) continue;
    if (/^\w+$/.test(name)) sets.push(`${name} = ${quote(value)}`);
  }
  const chosen = parameters.get('database') || database;
  return [
    ...(chosen ? [`USE ${identifier(chosen)}`] : []),
    ...(sets.length > 0 ? [`SET ${sets.join(', ')}`] : []),
    // Last, for it forbids changing itself: a GET must not change data, as with a server.
    ...(readonly ? ['SET readonly = 2'] : []),
  ];
}

/** Text without its quoted parts and comments, the same length, so that keywords can be looked for. */
function blankQuoted(sql: string): string {
  return sql.replace(/'(?:[^'\\]|\\.|'')*'|`(?:[^`\\]|\\.)*`|"(?:[^"\\]|\\.)*"|--[^\n]*|\/\*[\s\S]*?\*\//g, (part) =>
    ' '.repeat(part.length),
  );
}

export const isInsert = (sql: string): boolean => /^\s*INSERT\s/i.test(blankQuoted(sql));

/** An INSERT that carries its own rows, or selects them, takes no body. */
const hasOwnRows = (blank: string) =>
  /\b(SELECT|FROM\s+INFILE|WATCH)\b/i.test(blank) || /\b(VALUES|FORMAT\s+\w+)\s+\S/i.test(blank);

/**
 * An INSERT whose rows are in the request's body, as an INSERT that reads them from a file: bodies of any size and
 * format, binary ones included, go through a file and not through memory. Null when the statement takes no body.
 */
export function insertFromFile(sql: string, file: string, defaultFormat: string | null): string | null {
  const statement = sql.replace(/[\s;]+$/, '');
  const blank = blankQuoted(statement);
  if (!isInsert(statement) || hasOwnRows(blank)) return null;
  const format = /\sFORMAT\s+(\w+)\s*$/i.exec(blank);
  const values = /\sVALUES\s*$/i.exec(blank);
  const end = format?.index ?? values?.index ?? statement.length;
  const head = statement.slice(0, end);
  const settings = /\sSETTINGS\s/i.exec(blank.slice(0, end));
  const into = head.slice(0, settings?.index ?? end);
  const tail = settings ? head.slice(settings.index) : '';
  const name = format?.[1] ?? (values ? 'Values' : (defaultFormat ?? 'Values'));
  return `${into} FROM INFILE ${quote(file)} COMPRESSION 'none'${tail} FORMAT ${name}`;
}

/** The format of the answer: the query's FORMAT clause, else the request's default. */
export function outputFormat(sql: string, defaultFormat: string): string {
  return /\bFORMAT\s+(\w+)\s*(?:SETTINGS\s[\s\S]*)?;?\s*$/i.exec(blankQuoted(sql))?.[1] ?? defaultFormat;
}

export function contentType(format: string): string {
  if (/^(JSON|JSONCompact|JSONStrings|JSONColumnsWithMetadata|JSONCompactStrings)$/.test(format))
    return 'application/json; charset=UTF-8';
  if (/^JSON.*Each/.test(format)) return 'application/x-ndjson; charset=UTF-8';
  if (/^CSV/.test(format)) return 'text/csv; charset=UTF-8';
  if (/^(TabSeparated|TSV)/.test(format)) return 'text/tab-separated-values; charset=UTF-8';
  if (/^(Native|RowBinary|Parquet|Arrow|ORC|Avro|MsgPack|Protobuf|CapnProto|BSON|Npy)/.test(format))
    return 'application/octet-stream';
  return 'text/plain; charset=UTF-8';
}

/** HTTP status of an exception, as a server gives it. */
export function statusOf(code: number): number {
  if ([46, 47, 50, 56, 60, 73, 81, 115].includes(code)) return 404;
  if ([6, 26, 27, 38, 41, 43, 53, 62, 63, 72, 117, 130, 456, 457].includes(code)) return 400;
  if (code === 159) return 408;
  if (code === 164) return 403;
  if (code === 48) return 501;
  return 500;
}
