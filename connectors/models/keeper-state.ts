/** What the keeper remembers from one start to the next: one small file, replaced whole. */
import { existsSync, readFileSync } from 'node:fs';
import type { KeeperSnapshot } from '#ml/life/keeper.ts';
import type { LimitWatchSnapshot } from '#ml/life/limit-watch.ts';
import { writeWhole } from '#ml/model/registry.ts';

export interface KeeperState {
  readonly format: 1;
  /** Offsets that are read on from, by topic. */
  readonly positions: Readonly<Record<string, readonly number[]>>;
  /** Newest event time, microseconds. */
  readonly now: number | null;
  readonly watch: LimitWatchSnapshot;
  readonly keeper: KeeperSnapshot;
}

/** Null where there is none, or one that cannot be read: everything is in the topics still. */
export function loadState(file: string): KeeperState | null {
  if (!existsSync(file)) return null;
  try {
    const state = JSON.parse(readFileSync(file, 'utf8')) as KeeperState;
    return state.format === 1 ? state : null;
  } catch {
    return null;
  }
}

export const saveState = (file: string, state: KeeperState): void => writeWhole(file, JSON.stringify(state));
