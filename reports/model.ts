/**
 * One model for every report, whatever it is written as. It holds values, not text: a share is 0.0123, a day 2008-09-12,
 * an exact amount its decimal string. Renderers decide how they look, and nothing that they show comes from elsewhere.
 */
import { TidemarkError } from '#streams/kit/errors.ts';

/**
 * How a value is to be read. `text`; `date`: YYYY-MM-DD, UTC; `time`: ISO 8601, UTC; `number`: a double; `share`: a
 * double that is a part of one, shown as per cent; `decimal`: an exact amount as a decimal string.
 */
export type CellType = 'text' | 'date' | 'time' | 'number' | 'share' | 'decimal';
/** null: not known, or not defined. NaN and infinities are never in a report. */
export type Cell = string | number | null;

/** A column, or a key figure. */
export interface Field {
  /** For programs: camel case, unique within its section, stable over versions. */
  readonly name: string;
  /** For people. */
  readonly title: string;
  readonly type: CellType;
  /** Of a number or a decimal, e.g. USD, bps, days; null where it has none. */
  readonly unit: string | null;
  /** Decimals shown to people; files for programs have all of them. */
  readonly decimals: number;
}

export interface Figure extends Field {
  readonly value: Cell;
  /** What it is, or why there is none; null where the title says it all. */
  readonly note: string | null;
}

/** One row of values over the axis. */
export interface Series {
  readonly name: string;
  readonly mark: 'line' | 'bar' | 'point';
  /** As many as the axis has places; null leaves a gap. */
  readonly values: readonly (number | null)[];
}

interface SectionOf<Kind extends string> {
  readonly kind: Kind;
  /** For programs: lower case with hyphens, unique within the report. */
  readonly name: string;
  readonly title: string;
  /** A sentence under the title; null where none is needed. */
  readonly about: string | null;
  /** Why there is nothing to show; null exactly when there is something. */
  readonly empty: string | null;
}
export interface FiguresSection extends SectionOf<'figures'> {
  readonly figures: readonly Figure[];
}
export interface TableSection extends SectionOf<'table'> {
  readonly columns: readonly Field[];
  /** As many cells each as there are columns. */
  readonly rows: readonly (readonly Cell[])[];
}
/** Lines, bars and points over days, or bars by name. */
export interface ChartSection extends SectionOf<'chart'> {
  /** `date` in ascending order, or `text`. */
  readonly axis: { readonly field: Field; readonly values: readonly string[] };
  /** Of all values. */
  readonly scale: Pick<Field, 'type' | 'unit' | 'decimals'> & { readonly type: 'number' | 'share' };
  readonly series: readonly Series[];
}
export interface NotesSection extends SectionOf<'notes'> {
  readonly notes: readonly { readonly term: string; readonly text: string }[];
}
export type Section = FiguresSection | TableSection | ChartSection | NotesSection;

/** Whose report it is, and of when. */
export interface Subject {
  readonly portfolio: { readonly id: string; readonly name: string; readonly currency: string | null };
  /** When it was made, ISO 8601, UTC. */
  readonly generatedAt: string;
}
export interface Report extends Subject {
  readonly kind: string;
  readonly title: string;
  /** The newest day that the figures are of, YYYY-MM-DD; null without data. */
  readonly asOf: string | null;
  /** The days that were asked for and found, YYYY-MM-DD, both inclusive; null for a report of one day, or without data. */
  readonly period: { readonly from: string; readonly to: string } | null;
  readonly sections: readonly Section[];
}

const DATE = /^\d{4}-\d\d-\d\d$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
const DECIMAL = /^-?\d+(\.\d+)?$/;

/** Whether a section has something to show. */
export function hasData(section: Section): boolean {
  switch (section.kind) {
    case 'figures':
      return section.figures.some(({ value }) => value !== null);
    case 'table':
      return section.rows.length > 0;
    case 'chart':
      return section.series.some(({ values }) => values.some((value) => value !== null));
    case 'notes':
      return section.notes.length > 0;
  }
}

/**
 * The report, once it is sound: names are unique, every cell is what its column says, and each section has data or says why
 * not. Throws REPORT_INVALID: a mistake in a builder must not reach a reader.
 */
export function checkReport(report: Report): Report {
  const wrong = (what: string): never => {
    throw new TidemarkError('REPORT_INVALID', `The report ${report.kind}: ${what}`);
  };
  if (report.asOf !== null && !DATE.test(report.asOf)) wrong(`as-of "${report.asOf}" is no day`);
  if (!TIME.test(report.generatedAt)) wrong(`generatedAt "${report.generatedAt}" is no time`);
  requireUnique(
    report.sections.map(({ name }) => name),
    (name) => wrong(`two sections are called ${name}`),
  );
  for (const section of report.sections) {
    if (hasData(section) === (section.empty !== null)) wrong(`${section.name}: data or a reason for none, not both`);
    checkSection(section, (what) => wrong(`${section.name}: ${what}`));
  }
  return report;
}

function checkSection(section: Section, wrong: (what: string) => never): void {
  const { titles, rows } = tableOf(section);
  requireUnique(
    section.kind === 'figures' ? section.figures.map(({ name }) => name) : titles.map(({ name }) => name),
    (name) => wrong(`two are called ${name}`),
  );
  for (const row of rows) {
    if (row.length !== titles.length) wrong(`a row of ${row.length} cells under ${titles.length} columns`);
    for (const { name, type, value } of row)
      if (value !== null && !isOf(type, value)) wrong(`${name} is ${typeof value === 'string' ? `"${value}"` : value}`);
  }
}

function requireUnique(names: readonly string[], wrong: (name: string) => never): void {
  const again = names.find((name, index) => names.indexOf(name) < index);
  if (again !== undefined) wrong(again);
}

function isOf(type: CellType, value: string | number): boolean {
  if (type === 'number' || type === 'share') return typeof value === 'number' && Number.isFinite(value);
  if (typeof value !== 'string') return false;
  if (type === 'date') return DATE.test(value);
  if (type === 'time') return TIME.test(value);
  return type !== 'decimal' || DECIMAL.test(value);
}

/** A value and how it is to be read. */
export type TypedCell = Field & { readonly value: Cell };
/** A section as rows under titles: what files for programs and spreadsheets have of it. */
export interface Table {
  readonly titles: readonly Field[];
  readonly rows: readonly (readonly TypedCell[])[];
}

const text = (name: string, title: string): Field => ({ name, title, type: 'text', unit: null, decimals: 0 });

/** Key figures become rows of name, value, unit and note; charts a column a series beside their axis. */
export function tableOf(section: Section): Table {
  switch (section.kind) {
    case 'figures': {
      const titles = [
        text('figure', 'Figure'),
        text('value', 'Value'),
        text('unit', 'Unit'),
        text('note', 'Note'),
        text('name', 'Name'),
      ];
      const rows = section.figures.map((figure) => {
        const unit = figure.type === 'share' ? 'share of 1' : figure.unit;
        return typed(titles, [figure.title, null, unit, figure.note, figure.name]).with(1, figure);
      });
      return { titles, rows };
    }
    case 'table':
      return { titles: section.columns, rows: section.rows.map((row) => typed(section.columns, row)) };
    case 'chart': {
      const { axis, scale, series } = section;
      const titles = [axis.field, ...series.map(({ name }): Field => ({ name, title: name, ...scale }))];
      const rows = axis.values.map((place, index) =>
        typed(titles, [place, ...series.map(({ values }) => values[index] ?? null)]),
      );
      return { titles, rows };
    }
    case 'notes': {
      const titles = [text('term', 'Term'), text('text', 'Text')];
      return { titles, rows: section.notes.map((note) => typed(titles, [note.term, note.text])) };
    }
  }
}

/** Cells beyond the titles stay, so that a check can see them. */
const typed = (titles: readonly Field[], cells: readonly Cell[]): TypedCell[] =>
  cells.map((value, index) => ({ ...(titles[index] ?? titles[0]!), value }));
