/** What a model says of itself. ml/train/metadata.py writes it into the ONNX file; what is not there is not trusted. */
import { createHash } from 'node:crypto';
import { TidemarkError } from '#streams/kit/errors.ts';
import { type ColumnReference, columnReference } from '../drift/reference.ts';
import { type Fields, fieldsOf } from './json-fields.ts';
import { metadataProps } from './onnx-file.ts';

/** Key of the metadata in the ONNX file. */
export const METADATA_KEY = 'tidemark';
const FORMAT = 1;
const MAX_COLUMNS = 10_000;
const VERSION_DIGITS = 12;

export interface Training {
  /** Event time of the first and of the last row, microseconds UTC. */
  readonly from: number;
  readonly to: number;
  /** The last event time that a label looked at: what comes later is out of sample. */
  readonly labelsUntil: number;
  readonly rows: number;
}
export interface Calibration {
  /** `none`, or what was done, e.g. platt. */
  readonly method: string;
  /** Rows that it was fitted on. */
  readonly rows: number;
  /** Expected calibration error out of sample, 0 to 1; null where it was not measured. */
  readonly error: number | null;
}
export interface ModelMetadata {
  /** e.g. breach. */
  readonly name: string;
  /** Columns of the input `features`, in order. */
  readonly features: readonly string[];
  /** Columns of the output `scores`, in order. */
  readonly outputs: readonly string[];
  /** What is done with a row that lacks a feature: `refused`, it has no score; `learned`, the model was trained with such rows. */
  readonly missing: 'refused' | 'learned';
  readonly training: Training;
  /** SHA-256 of the training data, hexadecimal. */
  readonly dataSha256: string;
  /** What it was taught, in a sentence. */
  readonly label: string;
  readonly metrics: {
    /** On what it was trained on. */
    readonly inSample: Readonly<Record<string, number>>;
    /** On what it was not. */
    readonly outOfSample: Readonly<Record<string, number>>;
  };
  readonly calibration: Calibration;
  /** Versions of the packages that trained it. */
  readonly packages: Readonly<Record<string, string>>;
  readonly seed: number;
  /** Microseconds UTC, wall clock. */
  readonly madeAt: number;
  /** What only the code of this model reads. */
  readonly details: Readonly<Record<string, unknown>>;
  readonly reference: {
    /** Length of the blocks that the columns are averaged over, microseconds of event time. */
    readonly blockMicros: number;
    /** How each feature and each output was distributed, features first. */
    readonly columns: readonly ColumnReference[];
  };
}

/** A model's file and what it says. */
export interface ModelFile {
  readonly metadata: ModelMetadata;
  /** Id: the first 12 hexadecimal digits of {@link ModelFile.sha256}. */
  readonly version: string;
  /** Of the whole file, hexadecimal. */
  readonly sha256: string;
  readonly bytes: Uint8Array;
}

/**
 * Reads an ONNX file's own account. Throws MODEL_UNREADABLE where it is no ONNX file or was cut short, METADATA_MISSING where it says
 * nothing or a field is not there, METADATA_INVALID where a field is not what it should be; both name the field.
 */
export function readModel(bytes: Uint8Array): ModelFile {
  const text = metadataProps(bytes).get(METADATA_KEY);
  if (text === undefined)
    throw new TidemarkError('METADATA_MISSING', `The model says nothing of itself: it has no "${METADATA_KEY}"`);
  const sha256 = sha256Of(bytes);
  return { metadata: parseMetadata(text), version: sha256.slice(0, VERSION_DIGITS), sha256, bytes };
}

/** The version that a file is, whatever is in it. */
export const versionOfBytes = (bytes: Uint8Array): string => sha256Of(bytes).slice(0, VERSION_DIGITS);

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Parses the JSON of the metadata. Throws METADATA_MISSING, METADATA_INVALID. */
export function parseMetadata(text: string): ModelMetadata {
  const json = fieldsOf(text);
  const format = json.whole('format', 0);
  if (format !== FORMAT) throw json.wrong('format', `${FORMAT}: this one was made by another version of ml/train`);
  const features = json.names('features', MAX_COLUMNS);
  const outputs = json.names('outputs', MAX_COLUMNS);
  if (outputs.some((name) => features.includes(name))) throw json.wrong('outputs', 'no name that a feature has');
  const metrics = json.object('metrics');
  const calibration = json.object('calibration');
  return {
    name: json.matching('name', /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/, 'lower-case words joined by -'),
    features,
    outputs,
    missing: json.oneOf('missing', ['refused', 'learned']),
    training: training(json.object('training')),
    dataSha256: json.matching('dataSha256', /^[0-9a-f]{64}$/, '64 hexadecimal digits'),
    label: json.matching('label', /\S/, 'a sentence'),
    metrics: { inSample: metrics.numbers('inSample'), outOfSample: metrics.numbers('outOfSample') },
    calibration: {
      method: calibration.matching('method', /\S/, 'a name'),
      rows: calibration.whole('rows', 0),
      error: calibration.isNull('error') ? null : calibration.number('error', 0, 1),
    },
    packages: json.texts('packages'),
    seed: json.whole('seed', 0),
    madeAt: json.whole('madeAt', 1),
    details: json.recordOrNone('details'),
    reference: reference(json.object('reference'), [...features, ...outputs]),
  };
}

function training(json: Fields): Training {
  const [from, to, labelsUntil] = [json.whole('from', 0), json.whole('to', 0), json.whole('labelsUntil', 0)];
  if (to < from) throw json.wrong('to', 'a time that is not before "from"');
  if (labelsUntil < to) throw json.wrong('labelsUntil', 'a time that is not before "to"');
  return { from, to, labelsUntil, rows: json.whole('rows', 1) };
}

function reference(json: Fields, names: readonly string[]): ModelMetadata['reference'] {
  const columns = json.objects('columns').map(columnReference);
  const order = names.map((name) => columns.find((column) => column.name === name));
  const missing = names[order.indexOf(undefined)];
  if (missing !== undefined || columns.length !== names.length)
    throw json.wrong('columns', `one entry a feature and output, ${missing ?? 'and no other'}`);
  return { blockMicros: json.whole('blockMicros', 1), columns: order as ColumnReference[] };
}
