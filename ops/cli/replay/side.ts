import type { ProcessorNode, SinkNode, StreamRecord, TopologyDefinition } from '#streams/topology/types.ts';

const PREFIX = 'replay.';
/** Names are part of those of topics and groups. */
const NAME = /^[a-z][a-z0-9-]{0,79}$/;

export const isReplayName = (name: string): boolean => NAME.test(name);
/** What every topic and the group of a replay begin with. */
export const sidePrefix = (name: string): string => `${PREFIX}${name}.`;
/** Where a replay writes what its topology would write to `topic`. */
export const sideTopic = (name: string, topic: string): string => `${sidePrefix(name)}${topic}`;

/** The replay that a topic belongs to, and the name that the topic has without it; null for any other topic. */
export function replayOf(topic: string): { readonly name: string; readonly topic: string } | null {
  const dot = topic.indexOf('.', PREFIX.length);
  if (!topic.startsWith(PREFIX) || dot < 0) return null;
  return { name: topic.slice(PREFIX.length, dot), topic: topic.slice(dot + 1) };
}

/**
 * The same topology beside itself: it reads the same topics, and all that it writes (outputs, changelogs, repartition topics, dead letters,
 * offsets) has other names. Of outputs only those whose event time `keeps` says yes to are written.
 */
export function sideTopology(
  definition: TopologyDefinition,
  name: string,
  keeps: (timestampMs: number) => boolean,
): TopologyDefinition {
  const filters: Record<string, ProcessorNode> = {};
  const sinks: Record<string, SinkNode> = {};
  for (const [sink, node] of Object.entries(definition.sinks)) {
    // Under the sink's own name, by which processors forward to it.
    filters[sink] = {
      inputs: node.inputs,
      create: (context) => ({
        process: ({ key, value, timestampMs, headers }: StreamRecord) => {
          if (keeps(timestampMs)) context.emit(key, value, timestampMs, headers);
        },
      }),
    };
    sinks[`${sink}-replayed`] = { ...node, inputs: [sink], topic: sideTopic(name, node.topic) };
  }
  return {
    ...definition,
    name: sideTopic(name, definition.name),
    processors: { ...definition.processors, ...filters },
    sinks,
  };
}
