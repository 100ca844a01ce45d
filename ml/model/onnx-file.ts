/** What stands beside the graph in an ONNX file: onnxruntime-node does not show it. */
import { TidemarkError } from '#streams/kit/errors.ts';

/** Fields of protobuf messages (onnx.proto): ModelProto.metadata_props, and key and value of StringStringEntryProto. */
const METADATA_PROPS = 14;
const KEY = 1;
const VALUE = 2;
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/**
 * The metadata properties of an ONNX file by key; of a key that comes twice the last. The whole file is walked, so one that was cut short is
 * refused. Throws MODEL_UNREADABLE.
 */
export function metadataProps(file: Uint8Array): Map<string, string> {
  const props = new Map<string, string>();
  let graphs = 0;
  walk(file, (field, entry) => {
    if (field === GRAPH) graphs++;
    if (field !== METADATA_PROPS) return;
    let [key, value] = ['', ''];
    walk(entry, (part, text) => {
      if (part === KEY) key = utf8.decode(text);
      if (part === VALUE) value = utf8.decode(text);
    });
    props.set(key, value);
  });
  if (graphs !== 1) throw unreadable(`it has ${graphs} graphs`);
  return props;
}

const GRAPH = 7;
const utf8 = new TextDecoder();
const unreadable = (why: string) => new TidemarkError('MODEL_UNREADABLE', `This is no ONNX file: ${why}`);

/** Calls `visit` with each field of a message that has bytes of its own. */
function walk(message: Uint8Array, visit: (field: number, bytes: Uint8Array) => void): void {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    // Ten bytes are what 64 bits take; lengths beyond 2^53 are no file's.
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = message[at++];
      if (byte === undefined) throw unreadable('it ends within a number');
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw unreadable('a number in it has no end');
  };
  while (at < message.length) {
    const tag = varint();
    const kind = tag % 8;
    if (kind === VARINT) varint();
    else if (kind === FIXED64) at += 8;
    else if (kind === FIXED32) at += 4;
    else if (kind === BYTES) {
      const length = varint();
      const start = at;
      at += length;
      if (at <= message.length) visit(Math.floor(tag / 8), message.subarray(start, at));
    } else throw unreadable(`it has a field of kind ${kind}`);
    if (at > message.length) throw unreadable('it was cut short');
  }
}
