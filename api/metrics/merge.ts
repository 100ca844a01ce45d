/** Metrics of one process, in Prometheus's text format. */
export interface ProcessMetrics {
  readonly process: string;
  readonly text: string;
}

interface Family {
  help: string | undefined;
  type: string;
  readonly samples: string[];
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})?( .+)$/;
const HAS_PROCESS = /[{,]process="/;
const SUFFIX = /_(bucket|sum|count|total|created)$/;

/**
 * Joins the metrics of several processes into one page: HELP and TYPE once per family, samples of a family together, and each
 * sample with a `process` label. A family that processes declare with different types keeps the first one's samples.
 */
export function mergeMetrics(pages: readonly ProcessMetrics[]): string {
  const families = new Map<string, Family>();
  for (const page of pages) addPage(families, page);
  const lines: string[] = [];
  for (const [name, { help, type, samples }] of families) {
    if (samples.length === 0) continue;
    if (help !== undefined) lines.push(`# HELP ${name} ${help}`);
    lines.push(`# TYPE ${name} ${type}`, ...samples);
  }
  return `${lines.join('\n')}\n`;
}

function addPage(families: Map<string, Family>, page: ProcessMetrics): void {
  const helps = new Map<string, string>();
  const types = new Map<string, string>();
  for (const line of page.text.split('\n')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? [];
    if (kind === 'HELP') helps.set(name, rest);
    else if (kind === 'TYPE') types.set(name, rest.trim());
  }
  for (const line of page.text.split('\n')) {
    const match = line.startsWith('#') ? null : SAMPLE.exec(line.trimEnd());
    if (!match) continue;
    const [, sample = '', labels = '', value = ''] = match;
    const bare = sample.replace(SUFFIX, '');
    const name = types.has(sample) || !types.has(bare) ? sample : bare;
    const type = types.get(name) ?? 'untyped';
    let family = families.get(name);
    if (!family) {
      family = { help: helps.get(name), type, samples: [] };
      families.set(name, family);
    }
    if (family.type !== type) continue;
    family.samples.push(`${sample}${withProcess(labels, page.process)}${value}`);
  }
}

function withProcess(labels: string, process: string): string {
  if (HAS_PROCESS.test(labels)) return labels;
  const label = `process="${process.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  const inner = labels.slice(1, -1).replace(/,$/, '');
  return inner ? `{${inner},${label}}` : `{${label}}`;
}
