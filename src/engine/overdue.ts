import { describeValue } from '../common/describe-value.js';
import { ConfigurationError } from '../errors.js';

/** What can be watched. */
interface Opened {
  readonly name: string;
  readonly statements: number;
}

/** The library's own folder as stacks name it, whose lines say nothing of who opened a unit; unknown in a bundle. */
const library = /(?:\(|at )([^()]*)engine[\\/]overdue\.[jt]s/.exec(new Error().stack ?? '')?.[1];

/** Warns of units that are open for too long: once for each place in which they are opened. */
export class Overdue {
  /** Milliseconds; undefined: nothing is watched; null: not known yet. */
  #limit: number | undefined | null = null;
  readonly #told = new Set<string>();

  /** @throws ConfigurationError where it is no number of milliseconds */
  set limit(openTooLong: unknown) {
    if (openTooLong !== undefined && !(typeof openTooLong === 'number' && openTooLong > 0)) {
      throw new ConfigurationError(
        `openTooLong is a number of milliseconds, more than 0, and got ${describeValue(openTooLong)}.`,
      );
    }
    this.#limit = openTooLong as number | undefined;
  }

  /** Where `caller` was called from, if that may be asked for. */
  placeOf(caller: (...args: never[]) => unknown): Error | undefined {
    if (this.#limit === undefined) {
      return undefined;
    }
    const place = new Error('opened');
    Error.captureStackTrace(place, caller);
    return place;
  }

  /** Waits for the unit's time to be up. Returns what ends the wait; nothing keeps the process alive. */
  watch(unit: Opened, place: Error | undefined): (() => void) | undefined {
    const limit = this.#limit;
    if (typeof limit !== 'number') {
      return undefined;
    }
    const timer = setTimeout(() => this.#tell(unit, limit, place), Math.min(limit, 2_147_483_647)).unref();
    return () => clearTimeout(timer);
  }

  #tell({ name, statements }: Opened, limit: number, place: Error | undefined): void {
    const lines = callersOf(place);
    const key = lines[0] ?? name;
    if (this.#told.has(key)) {
      return;
    }
    this.#told.add(key);
    process.emitWarning(
      `${name} has been open for more than ${limit} ms, and has sent ${statements} statements: it keeps its locks, and a connection from its first statement on. It was opened here (others that are opened here are not told of):\n${lines.join('\n')}`,
      { type: 'UnitOfWorkWarning', code: 'MIKRO_ORM_UOW_OPEN_TOO_LONG' },
    );
  }
}

/** The lines of a stack that are not the library's. */
export function callersOf(place: Error | undefined): string[] {
  const lines = place?.stack?.split('\n').slice(1) ?? [];
  const others = lines.filter((line) => !(library && line.includes(library)) && !line.includes('node:internal'));
  return others.length > 0 ? others : lines;
}
