import { AfterCommitError, CommitOutcomeUnknownError, ConfigurationError, type UnitOfWorkError } from '../../index.js';
import type { OpenedUnit, Target } from '../protocol.js';
import type { Callback, Channel } from './channel.js';
import { type Endable, hasEnded, noteEnd, type UnitBook } from './members.js';

/** A unit that is to be run. */
export interface Run {
  readonly channel: Channel;
  readonly units: UnitBook;
  /** What it is opened from. */
  readonly target: Target;
  /** The function of the calling thread. */
  readonly work: Callback;
  readonly options: object | undefined;
}

/** How the last run of `work` went. */
type Outcome = { readonly unit: Endable } & (
  | { readonly value: unknown; readonly endedByHand: boolean; readonly alive: boolean }
  | { readonly thrown: unknown }
);

/** Has the worker open a unit and run `work` in it, on this thread, as often as `retry` says. */
export function runUnit({ channel, units, target, work, options }: Run, entry: Callback): unknown {
  if (typeof work !== 'function') {
    throw new ConfigurationError('run() needs a function that does the work.');
  }
  // what is stored under a key is also what later calls give, and they don't run `work`
  const stored = (options as { once?: unknown } | undefined)?.once !== undefined;
  let last: Outcome | undefined;
  const callback = (opened: OpenedUnit): unknown => {
    const unit = units.add(opened);
    last = undefined;
    try {
      const value = (work as (unit: Endable) => unknown)(unit);
      last = { unit, value, endedByHand: unit[hasEnded], alive: channel.over === undefined };
      return value;
    } catch (thrown) {
      last = { unit, thrown };
      throw thrown;
    }
  };
  const request = { target, method: 'run', args: [options], callback, resultCrosses: stored };
  const { over } = channel;
  try {
    const answer = channel.call(request, entry);
    return stored ? answer : (last as { value: unknown } | undefined)?.value;
  } catch (error) {
    const ended = last as Outcome | undefined;
    if (over !== undefined || channel.over === undefined || ended === undefined) {
      throw error;
    }
    // the worker has gone meanwhile: what `work` threw matters more, and what it did may be stored
    if ('thrown' in ended) {
      throw ended.thrown;
    }
    if (ended.endedByHand) {
      return ended.value;
    }
    throw ended.alive ? lost(ended.unit, error as UnitOfWorkError, entry) : error;
  }
}

/** Does what ends with a COMMIT: where the worker goes meanwhile, nobody knows whether there was one. */
export function committing(channel: Channel, unit: Endable, commit: () => unknown, entry: Callback): void {
  const { over } = channel;
  try {
    commit();
  } catch (error) {
    throw over === undefined && channel.over !== undefined ? lost(unit, error as UnitOfWorkError, entry) : error;
  }
}

/** What became of a unit whose worker went while it was being committed, as far as is known. */
function lost(unit: Endable, cause: UnitOfWorkError, entry: Callback): UnitOfWorkError {
  if (!unit[hasEnded]) {
    unit[noteEnd]('unknown');
    return outcomeUnknown('The unit of work', cause, entry);
  }
  if (unit.status !== 'committed') {
    return cause;
  }
  const error = new AfterCommitError(
    `The unit of work is stored, but its worker thread ended before all functions had run that were to run after its COMMIT. Don't run it again. ${firstSentence(cause)}`,
    [cause],
  );
  Error.captureStackTrace(error, entry);
  return error;
}

/** What a call gets that may have stored something when its worker went. */
export function outcomeUnknown(what: string, cause: UnitOfWorkError, entry: Callback): CommitOutcomeUnknownError {
  const error = new CommitOutcomeUnknownError(
    `${what} was being committed when its worker thread ended. It is stored whole or not at all, but which of the two is not known: look in the database before you run it again. ${firstSentence(cause)}`,
    { cause },
  );
  Error.captureStackTrace(error, entry);
  return error;
}

const firstSentence = ({ message }: Error): string => message.split(/(?<=\.) /, 1)[0] as string;
