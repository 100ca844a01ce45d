import type { BookUpdate, Depth } from '#schemas/generated/types.ts';
import type { Processor, ProcessorContext, StreamRecord } from '#streams/topology/types.ts';
import { figuresOf, levelsOf } from './figures.ts';
import { Book, type BookRow, type LevelsRow, StoredBooks } from './stored.ts';
import { MAX_LEVELS, SPOILING, tooDeep, updateProblem } from './validate.ts';

/** Updates, and levels in them, that wait for a snapshot at most; the oldest go first, as the snapshot to come is the likeliest to have them. */
export const MAX_WAITING = 1_000;
const MAX_WAITING_LEVELS = 100_000;

/**
 * By instrument: the order book, and what it says. An update is old (nothing new in it: left out), next (it follows the book's sequence, or
 * reaches over it: sizes are whole ones, so what is in it twice does no harm), or ahead: something is missing. Then the book is STALE, and says
 * so at once; updates wait until a snapshot, or the missing update itself, joins them to it again. A refused update is a missing one.
 *
 * Published at most once a commit, but for changes of state, which are published as they happen. Books are mutable and in memory; what has
 * changed goes to the stores before each commit, and an abort makes a new processor, which reads each again at its next update.
 */
export class BookKeeper implements Processor<BookUpdate | null> {
  readonly #context: ProcessorContext;
  readonly #sourceTopic: string;
  readonly #stored: StoredBooks;
  readonly #books = new Map<string, Book>();
  /** Books to save before the commit, in the order in which they were first changed. */
  #unsaved: Book[] = [];

  constructor(context: ProcessorContext, sourceTopic: string) {
    this.#context = context;
    this.#sourceTopic = sourceTopic;
    this.#stored = new StoredBooks(
      context.store<BookRow>('books'),
      context.store<LevelsRow>('levels'),
      context.store<BookUpdate>('waiting'),
    );
  }

  process({ key, value: update }: StreamRecord<BookUpdate | null>): void {
    const known = key === null ? undefined : this.#find(key);
    const problem = updateProblem(key, update, known !== undefined, this.#context.now());
    if (problem) {
      this.#context.reject(problem.code, problem.reason);
      if (known && update?.instrument === key && SPOILING.has(problem.code)) this.#spoil(known, update);
      return;
    }
    const book = known ?? this.#begin(update!);
    if (update!.kind === 'SNAPSHOT') this.#takeSnapshot(book, update!);
    else this.#takeDelta(book, update!);
  }

  beforeCommit(): void {
    for (const book of this.#unsaved) {
      if (book.isUnpublished) this.#publish(book);
      this.#stored.save(book);
    }
    this.#unsaved = [];
  }

  #takeSnapshot(book: Book, update: BookUpdate): void {
    const { source, epoch, sequence, depth, levels } = update;
    const isOther = source !== book.source;
    if (!isOther && this.#place(book, update) === 'OLD') {
      this.#context.count('old-update');
      return;
    }
    if (isOther) while (this.#stored.firstWaiting(book)) this.#stored.dropWaiting(book);
    book.source = source;
    book.epoch = epoch;
    book.sequence = sequence;
    book.levels.depth = depth;
    book.levels.replace(levels);
    book.isUnpublished = true;
    this.#moveTime(book, update);
    if (book.staleReason !== null) this.#resume(book);
    this.#changed(book);
  }

  #takeDelta(book: Book, update: BookUpdate): void {
    const { instrument, source } = book;
    const place = update.source === source ? this.#place(book, update) : 'OTHER';
    if (place === 'OTHER') {
      const reason = `Book of ${instrument}: a change from ${update.source}, but the book is of ${source}`;
      this.#context.reject('BOOK_SOURCE_MIXED', reason);
    } else if (place === 'OLD') this.#context.count('old-update');
    else if (place === 'AHEAD') {
      this.#lose(book, 'GAP', update);
      this.#wait(book, update);
      this.#changed(book);
    } else {
      if (fits(book, update)) {
        this.#apply(book, update);
        if (book.staleReason !== null) this.#resume(book);
      } else {
        const { code, reason } = tooDeep(instrument, update.sequence);
        this.#context.reject(code, reason);
        this.#lose(book, 'REJECTED', update);
      }
      this.#changed(book);
    }
  }

  /** Where an update stands against the book. Sequences count within an epoch. */
  #place(book: Book, { epoch, sequence, firstSequence, previousSequence }: BookUpdate): 'OLD' | 'NEXT' | 'AHEAD' {
    if (book.sequence === null) return 'AHEAD';
    if (epoch !== book.epoch) return epoch < book.epoch ? 'OLD' : 'AHEAD';
    if (sequence <= book.sequence) return 'OLD';
    return (previousSequence ?? (firstSequence ?? sequence) - 1) <= book.sequence ? 'NEXT' : 'AHEAD';
  }

  #apply(book: Book, update: BookUpdate): void {
    book.levels.apply(update.levels);
    book.sequence = update.sequence;
    book.isUnpublished = true;
    this.#moveTime(book, update);
  }

  /** Applies what waits and follows now. The book is whole again when nothing is left. */
  #resume(book: Book): void {
    let isRefused = false;
    for (let update = this.#stored.firstWaiting(book); update; update = this.#stored.firstWaiting(book)) {
      const place = this.#place(book, update);
      if (place === 'AHEAD') break;
      if (place === 'NEXT') {
        if (fits(book, update)) this.#apply(book, update);
        else isRefused = true;
      }
      this.#stored.dropWaiting(book);
    }
    if (isRefused) book.staleReason = 'REJECTED';
    else if (this.#stored.firstWaiting(book)) book.staleReason = 'GAP';
    else {
      if (book.staleReason !== 'NO_SNAPSHOT') this.#context.count('resynchronised');
      book.staleReason = null;
    }
  }

  #wait(book: Book, update: BookUpdate): void {
    this.#stored.wait(book, update);
    while (book.nextWaiting - book.firstWaiting > MAX_WAITING || book.waitingLevels > MAX_WAITING_LEVELS) {
      this.#stored.dropWaiting(book);
      this.#context.count('waiting-dropped');
    }
  }

  /** An update of the book was refused: unless there was nothing new in it, the book lacks it. A snapshot that is refused changes nothing. */
  #spoil(book: Book, update: BookUpdate): void {
    if (update.kind === 'SNAPSHOT' || update.source !== book.source || this.#place(book, update) === 'OLD') return;
    this.#lose(book, 'REJECTED', update);
    this.#changed(book);
  }

  #lose(book: Book, reason: string, update: BookUpdate): void {
    if (book.staleReason !== null) return;
    book.staleReason = reason;
    book.gaps++;
    this.#context.count('gap');
    this.#moveTime(book, update);
  }

  #moveTime(book: Book, { eventTime }: BookUpdate): void {
    book.sourceEventTime = eventTime;
    book.eventTime = Math.max(book.eventTime, eventTime);
  }

  /** Something of the book is new: it is saved with the commit, and a new state is told at once. */
  #changed(book: Book): void {
    if (!book.isUnsaved) {
      book.isUnsaved = true;
      this.#unsaved.push(book);
    }
    if (book.state !== book.publishedState) this.#publish(book);
  }

  #publish(book: Book): void {
    const { instrument, state, eventTime, levels } = book;
    const value: Depth = {
      eventTime,
      instrument,
      state,
      staleReason: book.staleReason,
      source: book.source,
      epoch: book.epoch,
      sequence: book.sequence,
      gaps: book.gaps,
      ...levelsOf(levels),
      ...figuresOf(levels, state === 'SOUND'),
      sourceTopic: this.#sourceTopic,
      sourceEventTime: book.sourceEventTime,
    };
    book.publishedState = state;
    book.isUnpublished = false;
    this.#context.emit(instrument, value, Math.floor(eventTime / 1000));
  }

  #begin({ instrument, source, epoch, eventTime }: BookUpdate): Book {
    const book = new Book(instrument);
    book.source = source;
    book.epoch = epoch;
    book.eventTime = eventTime;
    book.sourceEventTime = eventTime;
    this.#books.set(instrument, book);
    return book;
  }

  #find(instrument: string): Book | undefined {
    const known = this.#books.get(instrument);
    if (known) return known;
    const book = this.#stored.load(instrument);
    if (book) this.#books.set(instrument, book);
    return book;
  }
}

/** Whether the sides stay within the bound, whatever the levels of the update are. */
const fits = ({ levels: { bids, asks } }: Book, { levels }: BookUpdate): boolean =>
  Math.max(bids.count, asks.count) + levels.length <= MAX_LEVELS;
