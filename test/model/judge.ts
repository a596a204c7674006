import { Disagreement } from './disagreement.js';
import type { Log } from './scope.js';

/** Holds what happened against what was foretold. */
export class Judge {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** How the log says that it settled. */
  actual(place: string): string {
    const outcome = this.#log.outcomes.get(place);
    if (outcome === undefined) {
      throw new Disagreement(`${place} was never reached`);
    }
    return outcome.result;
  }

  /** Whether anything ran in the unit. */
  wasOpened(place: string): boolean {
    return [...this.#log.outcomes.keys()].some((key) => key.startsWith(`${place}.`) || key.startsWith(`${place}~`));
  }

  /** Holds how a step settled against what was foretold; returns what it failed with. */
  check(place: string, foretold: readonly string[], uncertain: boolean): string | undefined {
    const actual = this.actual(place);
    if (
      !foretold
        .flatMap((each) => each.split('|'))
        .map(rootCause)
        .includes(rootCause(actual)) &&
      !(uncertain && isLoose(actual))
    ) {
      throw new Disagreement(`${place} settled with ${actual}, and not with ${[...new Set(foretold)].join(' or ')}`);
    }
    return actual === 'ok' ? undefined : actual;
  }

  checkRead(place: string, expected: ReadonlyMap<string, number>): void {
    const read = this.#log.outcomes.get(place)?.read;
    const shown = typeof read === 'object' ? describe(read) : String(read);
    const wanted = typeof read === 'object' ? describe(expected) : String(expected.size);
    if (shown !== wanted) {
      throw new Disagreement(`${place} read ${shown}, and should have read ${wanted}`);
    }
  }
}

/** What may become of a step beside another one that ends or aborts the unit. */
function isLoose(result: string): boolean {
  return (
    ['ok', 'closed', 'refused', 'sql(25P02)', 'sql(57014)'].includes(result) ||
    /^(aborted|abort|after-commit|after-rollback)\(/.test(result)
  );
}

/** Which of several errors is named as the cause of an abortion is not promised through several units: the first one is. */
function rootCause(result: string): string {
  let root = result.replace(/^(aborted\()+/, '');
  while (root.split(')').length > root.split('(').length) {
    root = root.slice(0, -1);
  }
  return root === result ? result : `aborted(${root})`;
}

function describe(rows: ReadonlyMap<string, number>): string {
  return JSON.stringify(Object.fromEntries([...rows].sort()));
}
