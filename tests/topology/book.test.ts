import { describe, expect, it } from 'vitest';
import { describeTopology } from '#streams/topology/describe.ts';
import { book } from '#topologies/book/graph.ts';
import { MAX_WAITING } from '#topologies/book/keeper.ts';
import { MAX_LEVELS } from '#topologies/book/validate.ts';
import { BookDesk, delta, levels, START, shown, snapshot, update } from './book-desk.ts';
import { NOW_MS } from './desk.ts';

const FIRST = snapshot(
  10,
  [
    [99, 1],
    [98, 2],
  ],
  [
    [101, 3],
    [102, 4],
  ],
);
const begun = () => {
  const desk = new BookDesk().send(FIRST);
  desk.depths();
  return desk;
};

describe('book', () => {
  it('is the graph that its golden description shows', async () => {
    await expect(describeTopology(book())).toMatchFileSnapshot('../golden/book.topology.txt');
  });

  it('publishes a sound book with its figures, and once a commit what has changed', () => {
    const desk = new BookDesk().send(FIRST);
    expect(desk.driver.read('market.depth')).toMatchObject([
      {
        key: 'BTCUSD',
        timestampMs: START / 1000 + 10,
        value: {
          eventTime: START + 10_000,
          state: 'SOUND',
          staleReason: null,
          source: 'venue',
          sequence: 10,
          gaps: 0,
          bestBid: 99,
          bestBidSize: 1,
          bestAsk: 101,
          bestAskSize: 3,
          spread: 2,
          mid: 100,
          microprice: 99.5,
          imbalance: -0.5,
          bidLevels: 2,
          askLevels: 2,
          sourceTopic: 'market.book',
          sourceEventTime: START + 10_000,
        },
      },
    ]);
    desk.send(delta(11, [[99, 5]], []), delta(12, [[98, 0]], [[100, 7]]), delta(13, [], [[101, 0]]));
    expect(desk.depths()).toEqual([]);
    expect(desk.commit().depths().map(shown)).toEqual(['SOUND 13 0 [99x5] [100x7 102x4]']);
    expect(desk.commit().depths()).toEqual([]);
  });

  it('leaves out what is old or repeated', () => {
    const desk = begun().send(delta(11, [[99, 5]], []));
    desk.send(delta(11, [[99, 6]], []), delta(9, [[99, 7]], []), snapshot(11, [[1, 1]], []), snapshot(3, [], []));
    expect(desk.commit().depths().map(shown)).toEqual(['SOUND 11 0 [99x5 98x2] [101x3 102x4]']);
    expect(desk.driver.count('old-update')).toBe(4);
    expect(desk.rejected()).toEqual([]);
  });

  it('takes a newer snapshot as it is, and leaves out the changes that are in it', () => {
    const desk = begun().send(snapshot(20, [[90, 1]], [[91, 1]]), delta(15, [[99, 5]], []), delta(21, [[90, 2]], []));
    expect(desk.commit().depths().map(shown)).toEqual(['SOUND 21 0 [90x2] [91x1]']);
  });
});

describe('a gap', () => {
  it('makes the book stale at once, without figures; a snapshot and what waited make it sound', () => {
    const desk = begun().send(delta(12, [[99, 5]], []));
    const [stale] = desk.depths();
    expect(shown(stale!)).toBe('STALE GAP 10 1 [99x1 98x2] [101x3 102x4]');
    expect(stale).toMatchObject({ eventTime: START + 12_000, mid: null, spread: null, microprice: null, depths: [] });
    desk.send(delta(13, [[97, 9]], []), delta(14, [], [[101, 8]]));
    expect(desk.commit().depths()).toEqual([]);
    // 12 is in the snapshot, 13 and 14 are not.
    desk.send(snapshot(12, [[99, 5]], [[101, 3]]));
    expect(desk.depths().map(shown)).toEqual(['SOUND 14 1 [99x5 97x9] [101x8]']);
    desk.send(delta(15, [], [[103, 1]]));
    expect(desk.commit().depths().map(shown)).toEqual(['SOUND 15 1 [99x5 97x9] [101x8 103x1]']);
    expect(desk.driver.count('resynchronised')).toBe(1);
  });

  it('stays when the snapshot is older than what is missing', () => {
    const desk = begun().send(delta(15, [[99, 5]], []), snapshot(13, [[95, 1]], [[96, 1]]));
    expect(desk.depths().map(shown)).toEqual(['STALE GAP 10 1 [99x1 98x2] [101x3 102x4]']);
    expect(desk.commit().depths().map(shown)).toEqual(['STALE GAP 13 1 [95x1] [96x1]']);
    expect(
      desk
        .send(snapshot(14, [[95, 2]], [[100, 1]]))
        .depths()
        .map(shown),
    ).toEqual(['SOUND 15 1 [99x5 95x2] [100x1]']);
  });

  it('closes when the missing update comes after all', () => {
    const desk = begun().send(delta(12, [[99, 5]], []), delta(13, [[98, 0]], []), delta(11, [[97, 7]], []));
    expect(desk.depths().map(shown)).toEqual([
      'STALE GAP 10 1 [99x1 98x2] [101x3 102x4]',
      'SOUND 13 1 [99x5 97x7] [101x3 102x4]',
    ]);
  });

  it('is not one where the venue says so: ranges, numbers left out, overlaps', () => {
    const desk = begun().send(
      // Binance: U 8 to u 12 reaches over the snapshot's 10; the next begins at 13.
      delta(12, [[99, 5]], [], { firstSequence: 8 }),
      delta(15, [[98, 6]], [], { firstSequence: 13 }),
      // Its futures: numbers jump, the one before is named.
      delta(40, [[97, 1]], [], { firstSequence: 38, previousSequence: 15 }),
      // Whole sizes: what is in it twice does no harm.
      delta(45, [[97, 2]], [], { firstSequence: 39 }),
    );
    expect(desk.commit().depths().map(shown)).toEqual(['SOUND 45 0 [99x5 98x6 97x2] [101x3 102x4]']);
    expect(desk.send(delta(50, [], [], { firstSequence: 46, previousSequence: 46 })).depths()[0]).toMatchObject({
      state: 'STALE',
    });
  });

  it('keeps what came before the first snapshot', () => {
    const desk = new BookDesk().send(delta(9, [[1, 1]], []), delta(10, [[98, 2]], []), delta(11, [[97, 3]], []));
    expect(desk.depths().map(shown)).toEqual(['STALE NO_SNAPSHOT null 0 [] []']);
    desk.send(snapshot(9, [[99, 1]], [[101, 1]]));
    expect(desk.depths().map(shown)).toEqual(['SOUND 11 0 [99x1 98x2 97x3] [101x1]']);
  });

  it('holds a bounded number of updates: of too many the oldest go', () => {
    const desk = begun();
    for (let sequence = 12; sequence < 12 + MAX_WAITING + 5; sequence++)
      desk.send(delta(sequence, [[50, sequence]], []));
    desk.depths();
    expect(desk.driver.count('waiting-dropped')).toBe(5);
    expect(desk.driver.store('waiting').size).toBe(MAX_WAITING);
    // 17 is the oldest that waits: after 15 one is missing.
    desk.send(snapshot(15, [[99, 1]], [[101, 1]])).restart();
    expect(desk.depths().map(shown)).toEqual(['STALE GAP 15 1 [99x1] [101x1]']);
    desk.send(snapshot(16, [[99, 1]], [[101, 1]]));
    expect(desk.depths().map(shown)).toEqual([
      `SOUND ${11 + MAX_WAITING + 5} 1 [99x1 50x${11 + MAX_WAITING + 5}] [101x1]`,
    ]);
    desk.commit();
    expect(desk.driver.store('waiting').size).toBe(0);
  });
});

describe('numbering that begins anew', () => {
  it('is a higher epoch: changes wait for its snapshot, and the old ones are old', () => {
    const desk = begun().send(delta(2, [[98, 7]], [], { epoch: 5 }));
    expect(desk.depths().map(shown)).toEqual(['STALE GAP 10 1 [99x1 98x2] [101x3 102x4]']);
    desk.send(snapshot(1, [[99, 4]], [[100, 4]], { epoch: 5 }), delta(11, [[99, 0]], []), snapshot(12, [], []));
    expect(desk.depths()).toMatchObject([{ state: 'SOUND', epoch: 5, sequence: 2, bidLevels: 2 }]);
    expect(desk.driver.count('old-update')).toBe(2);
  });

  it('may come with another feed, whose snapshot takes the book over', () => {
    const desk = begun().send(delta(12, [[1, 1]], []), delta(3, [[99, 9]], [], { source: 'other' }));
    expect(desk.rejected()).toEqual(['BOOK_SOURCE_MIXED']);
    desk.send(snapshot(3, [[99, 4]], [[100, 4]], { source: 'other' }));
    expect(desk.depths().at(-1)).toMatchObject({ state: 'SOUND', source: 'other', sequence: 3, bidLevels: 1 });
    expect(desk.send(delta(13, [[1, 1]], [])).rejected()).toEqual(['BOOK_SOURCE_MIXED']);
  });
});

describe('states', () => {
  it('are told as they change, and a crossed or locked book is never sound', () => {
    const desk = begun().send(
      delta(11, [[101, 1]], []),
      delta(12, [[101.5, 1]], []),
      delta(
        13,
        [
          [101, 0],
          [101.5, 0],
        ],
        [],
      ),
      delta(
        14,
        [],
        [
          [101, 0],
          [102, 0],
        ],
      ),
      delta(
        15,
        [
          [99, 0],
          [98, 0],
        ],
        [],
      ),
      delta(16, [[99, 1]], [[100, 1]]),
    );
    const written = desk.depths();
    expect(written.map(({ state }) => state)).toEqual(['LOCKED', 'CROSSED', 'SOUND', 'ONE_SIDED', 'EMPTY', 'SOUND']);
    for (const { state, mid, spread, imbalance, depths, bands } of written) {
      const figures = [mid !== null, spread !== null, imbalance !== null, depths.length > 0, bands.length > 0];
      expect(figures).toEqual(Array(5).fill(state === 'SOUND'));
    }
    expect(written[1]).toMatchObject({ bestBid: 101.5, bestAsk: 101, gaps: 0 });
  });

  it('never let the event time go back', () => {
    const desk = begun().send(delta(11, [[99, 2]], [], { eventTime: START }));
    expect(desk.commit().depths()).toMatchObject([{ eventTime: START + 10_000, sourceEventTime: START }]);
  });

  it('keep a venue’s depth: what is pushed beyond it is gone', () => {
    const desk = new BookDesk().send(
      snapshot(
        1,
        [
          [99, 1],
          [98, 1],
          [97, 1],
        ],
        [
          [101, 1],
          [102, 1],
        ],
        { depth: 2 },
      ),
      delta(2, [[100, 1]], []),
      // 98 was pushed out: the venue does not say it again unless it changes.
      delta(3, [[100, 0]], []),
    );
    desk.restart();
    expect(desk.depths().map(shown)).toEqual(['SOUND 1 0 [99x1 98x1] [101x1 102x1]', 'SOUND 3 0 [99x1] [101x1 102x1]']);
    desk.send(
      delta(
        4,
        [
          [98.5, 1],
          [98.4, 1],
        ],
        [],
      ),
    );
    expect(desk.commit().depths().map(shown)).toEqual(['SOUND 4 0 [99x1 98.5x1] [101x1 102x1]']);
  });
});

describe('bad input', () => {
  const bad = (of: Parameters<typeof delta>[1], rest = {}) => delta(11, of, [], rest);
  it.each([
    ['BOOK_PRICE_INVALID', bad([[Number.NaN, 1]])],
    ['BOOK_PRICE_INVALID', bad([[-1, 1]])],
    ['BOOK_PRICE_INVALID', bad([[0, 1]])],
    ['BOOK_PRICE_INVALID', bad([[Number.POSITIVE_INFINITY, 1]])],
    ['BOOK_PRICE_INVALID', bad([[1.00000000049, 1]])],
    ['BOOK_PRICE_INVALID', bad([[1e29, 1]])],
    ['BOOK_SIZE_INVALID', bad([[1, -1]])],
    ['BOOK_SIZE_INVALID', bad([[1, Number.NaN]])],
    ['BOOK_SIZE_INVALID', bad([[1, Number.POSITIVE_INFINITY]])],
    ['BOOK_CROSSED', delta(11, [[100.5, 1]], [[100.4, 1]])],
  ])('%s: the book lacks the update, says so, and heals when it comes in order', (code, wrong) => {
    const desk = begun().send(wrong);
    expect(desk.rejected()).toEqual([code]);
    expect(desk.depths().map(shown)).toEqual(['STALE REJECTED 10 1 [99x1 98x2] [101x3 102x4]']);
    desk.send(delta(12, [[98, 9]], []), delta(11, [[97, 5]], []));
    expect(desk.depths().map(shown)).toEqual(['SOUND 12 1 [99x1 98x9 97x5] [101x3 102x4]']);
  });

  it('refuses a snapshot that contradicts itself, and leaves the book as it was', () => {
    const desk = begun().send(
      snapshot(20, [[101, 1]], [[100, 1]]),
      snapshot(
        21,
        [
          [99, 1],
          [99, 2],
        ],
        [[100, 1]],
      ),
      snapshot(
        22,
        [
          [0.1 + 0.2, 1],
          [0.3, 2],
        ],
        [],
      ),
      delta(11, [[99, 7]], []),
    );
    expect(desk.rejected()).toEqual(['BOOK_CROSSED', 'BOOK_LEVEL_REPEATED', 'BOOK_LEVEL_REPEATED']);
    expect(desk.commit().depths().map(shown)).toEqual(['SOUND 11 0 [99x7 98x2] [101x3 102x4]']);
  });

  it('takes a level that a change names twice as it says last', () => {
    const desk = begun().send(
      delta(
        11,
        [
          [99, 7],
          [99, 0],
          [102, 5],
          [102, 0],
        ],
        [
          [101, 0],
          [101, 6],
        ],
      ),
    );
    expect(desk.commit().depths().map(shown)).toEqual(['SOUND 11 0 [98x2] [101x6 102x4]']);
  });

  it('refuses what is no update of this book, without a word about the book', () => {
    const desk = begun().send(
      delta(-1, [], []),
      delta(11, [], [], { firstSequence: 12 }),
      delta(11, [], [], { previousSequence: 11 }),
      delta(11, [], [], { previousSequence: -2 }),
      delta(11, [], [], { epoch: -1 }),
      snapshot(11, [], [], { depth: 0 }),
      delta(11, [], [], { eventTime: -5 }),
      delta(11, [], [], { eventTime: (NOW_MS + 2 * 86_400_000) * 1000 }),
      delta(11, [], [], { instrument: '' }),
      delta(11, [], [], { instrument: 'A/B' }),
    );
    desk
      .sendRaw('ETHUSD', delta(11, [[99, 8]], []))
      .sendRaw('BTCUSD', null)
      .sendRaw(null, delta(11, [], []));
    expect(desk.rejected()).toEqual([
      ...Array(5).fill('BOOK_SEQUENCE_INVALID'),
      'BOOK_DEPTH_INVALID',
      'EVENT_TIME_INVALID',
      'EVENT_TIME_IN_FUTURE',
      'ID_INVALID',
      'ID_INVALID',
      'KEY_MISMATCH',
      'VALUE_MISSING',
      'KEY_MISMATCH',
    ]);
    expect(desk.commit().depths()).toEqual([]);
    expect(
      desk
        .send(delta(11, [[99, 2]], []))
        .commit()
        .depths(),
    ).toMatchObject([{ state: 'SOUND', sequence: 11 }]);
  });

  it('does not let a book grow without end', () => {
    const many = Array.from({ length: 4_000 }, (_, index) => [1 + index, 1] as const);
    const desk = new BookDesk().send(snapshot(0, [[0.5, 1]], [[1e6, 1]]));
    let sequence = 0;
    for (let at = 0; at < MAX_LEVELS; at += many.length)
      desk.send(
        delta(
          ++sequence,
          many.map(([price, size]) => [price + at, size] as const),
          [],
        ),
      );
    expect(desk.rejected()).toEqual(['BOOK_TOO_DEEP']);
    expect(desk.depths().at(-1)).toMatchObject({ state: 'STALE', staleReason: 'REJECTED', bidLevels: 48_001 });
    expect(
      desk
        .restart()
        .send(update('SNAPSHOT', 99, levels([[1, 1]], [[2, 1]])))
        .depths(),
    ).toMatchObject([{ state: 'SOUND', bidLevels: 1, askLevels: 1 }]);
    desk.commit();
    expect(desk.driver.store('levels').size).toBe(1);
  });
});
