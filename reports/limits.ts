import {
  COMMON_NOTES,
  countField,
  figure,
  finite,
  methodNotes,
  numberField,
  section,
  shareField,
  textField,
  timeField,
  timeOfMicros,
} from './fields.ts';
import type { ChartSection, FiguresSection, Report, Subject, TableSection } from './model.ts';
import { endMicros, type Period, type ReportSource, startMicros } from './source.ts';

export type LimitSeverity = 'INFORMATIONAL' | 'SOFT' | 'HARD';

/** What a limit stands at: its newest record. */
export interface LimitRow {
  readonly limitId: string;
  /** What is limited, e.g. GROSS_EXPOSURE. */
  readonly type: string;
  readonly scope: string;
  /** The strategy, instrument or sector; null where the scope is the portfolio. */
  readonly scopeId: string | null;
  readonly severity: LimitSeverity;
  /** In the unit of the type; null while it is not known. */
  readonly value: number | null;
  readonly threshold: number | null;
  /** value / threshold; null while either is not known. */
  readonly utilisation: number | null;
  /** OK, WARNING, BREACHED or UNKNOWN. */
  readonly state: string;
  /** Microseconds UTC. */
  readonly eventTime: number;
}

/** The newest record of an incident. */
export interface BreachRow {
  readonly breachId: string;
  readonly limitId: string;
  readonly severity: LimitSeverity;
  /** NONE once it is closed; WARNING, BREACH or NO_DATA while it is open. */
  readonly state: string;
  readonly value: number | null;
  readonly threshold: number | null;
  /** Microseconds UTC. */
  readonly openedAt: number;
  /** Of the newest record, microseconds UTC: the closing where the state is NONE. */
  readonly eventTime: number;
  readonly reason: string | null;
}

export interface LimitsData {
  readonly asked: Period;
  /** False: this installation has no tables of limits. */
  readonly installed: boolean;
  readonly limits: readonly LimitRow[];
  readonly breaches: readonly BreachRow[];
}

const CLOSED = 'NONE';
const MOST_BARS = 20;
const NOT_INSTALLED =
  'There is no limit data: this installation has no tables of limits (topics risk.utilisation and risk.breaches).';
const STATES = ['BREACHED', 'WARNING', 'UNKNOWN', 'OK'];

export async function loadLimits({ reports }: ReportSource, portfolioId: string, asked: Period): Promise<LimitsData> {
  const [limits, incidents] = await Promise.all([
    reports.utilisation(portfolioId),
    reports.incidents(portfolioId, startMicros(asked.from), endMicros(asked.to)),
  ]);
  if (limits === null || incidents === null) return { asked, installed: false, limits: [], breaches: [] };
  return { asked, installed: true, limits, breaches: incidents.map(({ level, ...row }) => ({ ...row, state: level })) };
}

/** Limit utilisation as it stands, and the incidents of a period. */
export function limits(subject: Subject, data: LimitsData): Report {
  const { installed, breaches, asked } = data;
  const rows = [...data.limits].sort(byNeed);
  const newest = Math.max(...[...rows, ...breaches].map(({ eventTime }) => eventTime));
  const none = installed ? 'No limit is set for this portfolio.' : NOT_INSTALLED;
  return {
    ...subject,
    kind: 'limits',
    title: 'Limit utilisation and breaches',
    asOf: Number.isFinite(newest) ? timeOfMicros(newest)!.slice(0, 10) : null,
    period: asked.from !== null && asked.to !== null ? { from: asked.from, to: asked.to } : null,
    sections: [
      keyFigures(rows, breaches, none),
      utilisationChart(rows, none),
      limitsTable(rows, none),
      breachesTable(breaches, installed ? 'No limit was in breach or in warning in the period.' : NOT_INSTALLED),
      notes(),
    ],
  };
}

/** What needs somebody first: the worst state, then the largest utilisation. */
function byNeed(a: LimitRow, b: LimitRow): number {
  const state = STATES.indexOf(a.state) - STATES.indexOf(b.state);
  return state || (finite(b.utilisation) ?? -1) - (finite(a.utilisation) ?? -1) || (a.limitId < b.limitId ? -1 : 1);
}

function keyFigures(rows: readonly LimitRow[], breaches: readonly BreachRow[], none: string): FiguresSection {
  const inState = (state: string) => rows.filter((row) => row.state === state).length;
  const known = rows.flatMap(({ utilisation }) => finite(utilisation) ?? []);
  const figures = [
    figure(countField('limits', 'Limits'), rows.length),
    figure(countField('breached', 'Breached'), inState('BREACHED')),
    figure(
      countField('hardBreached', 'Hard limits breached'),
      rows.filter(({ state, severity }) => state === 'BREACHED' && severity === 'HARD').length,
    ),
    figure(countField('warning', 'In warning'), inState('WARNING')),
    figure(
      countField('unknown', 'Not known'),
      inState('UNKNOWN'),
      inState('UNKNOWN') > 0 ? 'Their figure is not known, which is not good news' : null,
    ),
    figure(
      shareField('highestUtilisation', 'Highest utilisation', 1),
      known.length > 0 ? Math.max(...known) : null,
      known.length > 0 ? null : 'No limit has a figure',
    ),
    figure(countField('incidents', 'Incidents in the period'), breaches.length),
    figure(countField('openIncidents', 'Of these still open'), breaches.filter(({ state }) => state !== CLOSED).length),
  ];
  const any = rows.length > 0 || breaches.length > 0;
  return section<FiguresSection>(
    { kind: 'figures', name: 'key-figures', title: 'Key figures', figures: any ? figures : [] },
    none,
  );
}

const scopeText = ({ scope, scopeId }: LimitRow) => (scopeId === null ? scope : `${scope} ${scopeId}`);

function utilisationChart(rows: readonly LimitRow[], none: string): ChartSection {
  const known = rows.filter(({ utilisation }) => finite(utilisation) !== null).slice(0, MOST_BARS);
  return section<ChartSection>(
    {
      kind: 'chart',
      name: 'utilisation-chart',
      title: 'Utilisation',
      about: 'Value over threshold: above 100 % is a breach.',
      axis: { field: textField('limitId', 'Limit'), values: known.map(({ limitId }) => limitId) },
      scale: { type: 'share', unit: null, decimals: 1 },
      series: [{ name: 'Utilisation', mark: 'bar', values: known.map(({ utilisation }) => finite(utilisation)) }],
    },
    rows.length > 0 ? 'No limit has a figure.' : none,
  );
}

function limitsTable(rows: readonly LimitRow[], none: string): TableSection {
  return section<TableSection>(
    {
      kind: 'table',
      name: 'utilisation',
      title: 'Limits',
      about: 'Value and threshold are in the unit of the type. Those that need somebody come first.',
      columns: [
        textField('limitId', 'Limit'),
        textField('type', 'Type'),
        textField('scope', 'Scope'),
        textField('severity', 'Severity'),
        numberField('value', 'Value'),
        numberField('threshold', 'Threshold'),
        shareField('utilisation', 'Utilisation', 1),
        textField('state', 'State'),
        timeField('eventTime', 'As of'),
      ],
      rows: rows.map((row) => [
        row.limitId,
        row.type,
        scopeText(row),
        row.severity,
        finite(row.value),
        finite(row.threshold),
        finite(row.utilisation),
        row.state,
        timeOfMicros(row.eventTime),
      ]),
    },
    none,
  );
}

function breachesTable(breaches: readonly BreachRow[], none: string): TableSection {
  return section<TableSection>(
    {
      kind: 'table',
      name: 'breaches',
      title: 'Incidents',
      columns: [
        textField('breachId', 'Incident'),
        textField('limitId', 'Limit'),
        textField('severity', 'Severity'),
        textField('state', 'State'),
        numberField('value', 'Value'),
        numberField('threshold', 'Threshold'),
        timeField('openedAt', 'Opened'),
        timeField('closedAt', 'Closed'),
        textField('reason', 'Reason'),
      ],
      rows: breaches.map((row) => [
        row.breachId,
        row.limitId,
        row.severity,
        row.state === CLOSED ? 'closed' : row.state,
        finite(row.value),
        finite(row.threshold),
        timeOfMicros(row.openedAt),
        row.state === CLOSED ? timeOfMicros(row.eventTime) : null,
        row.reason,
      ]),
    },
    none,
  );
}

const notes = () =>
  methodNotes([
    [
      'Utilisation',
      'Value over the threshold in force, after its adjustment. WARNING from the warning level on, BREACHED above the threshold, UNKNOWN while there is no figure.',
    ],
    [
      'Severity',
      'HARD: orders that would break it are refused. SOFT: they are accepted with a warning. INFORMATIONAL: it is only watched.',
    ],
    [
      'Incidents',
      'From the moment at which a limit left OK to that at which it came back; value and threshold are of the newest record.',
    ],
    ...COMMON_NOTES,
  ]);
