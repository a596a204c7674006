import { ConfigurationError, UnitOfWorkClosedError, type UnitStatus } from '../../index.js';
import type { OpenedUnit, Target } from '../protocol.js';
import type { Callback, Channel } from './channel.js';
import { committing, runUnit } from './commit.js';
import { callMember, hasEnded, noteEnd, type UnitBook } from './members.js';
import { callRepository } from './repository.js';

/** One open unit of work, as the calling thread has it. Its repositories are added by name. */
export class OpenUnit {
  readonly #units: UnitBook<OpenUnit>;
  readonly #channel: Channel;
  readonly #target: Target;
  readonly attempt: number;
  #status: UnitStatus = 'active';

  constructor(units: UnitBook<OpenUnit>, channel: Channel, { unit, attempt }: OpenedUnit) {
    this.#units = units;
    this.#channel = channel;
    this.#target = { kind: 'unit', id: unit };
    this.attempt = attempt;
  }

  get status(): UnitStatus {
    return this.#ended() ?? (this.#channel.call({ target: this.#target, method: 'status' }, statusOf) as UnitStatus);
  }

  get session() {
    const target: Target = { ...this.#target, kind: 'session' } as Target;
    const execute = (sql: string, params?: readonly unknown[]) => this.#call(target, 'execute', [sql, params], execute);
    return Object.freeze({ execute });
  }

  flush(): void {
    this.#call(this.#target, 'flush', [], this.flush);
  }

  commit(): void {
    this.#refuseEnded(this.commit);
    committing(this.#channel, this, () => this.#call(this.#target, 'commit', [], this.commit), this.commit);
  }

  rollback(): void {
    if (this.#ended() !== undefined) {
      return;
    }
    try {
      this.#call(this.#target, 'rollback', [], this.rollback);
    } catch (error) {
      // a worker that has gone has left nothing behind, which is what was asked for
      if (this.#channel.over === undefined) {
        throw error;
      }
    }
  }

  [Symbol.dispose](): void {
    this.rollback();
  }

  run(work: Callback, options?: object): unknown {
    this.#refuseEnded(this.run);
    return runUnit({ channel: this.#channel, units: this.#units, target: this.#target, work, options }, this.run);
  }

  begin(options?: object): OpenUnit {
    return this.#units.add(this.#call(this.#target, 'begin', [options], this.begin) as OpenedUnit);
  }

  lock(...args: unknown[]): unknown {
    return this.#call(this.#target, 'lock', args, this.lock);
  }

  commitToken(): unknown {
    return this.#channel.call({ target: this.#target, method: 'commitToken' }, this.commitToken);
  }

  beforeCommit(callback: Callback): void {
    this.#hook('beforeCommit', callback, this.beforeCommit);
  }

  afterCommit(callback: Callback): void {
    this.#hook('afterCommit', callback, this.afterCommit);
  }

  afterRollback(callback: Callback): void {
    this.#hook('afterRollback', callback, this.afterRollback);
  }

  /** @internal Whether it ended before the worker did. */
  get [hasEnded](): boolean {
    return this.#status !== 'active';
  }

  /** @internal Notes how the unit ended. */
  [noteEnd](status: UnitStatus): void {
    this.#status = status;
  }

  /** @internal A call of one of its repositories. */
  [callMember](name: string, method: string, args: unknown[], entry: Callback): unknown {
    return this.#call({ ...this.#target, kind: 'member', name } as Target, method, args, entry);
  }

  #call(target: Target, method: string, args: unknown[], entry: Callback): unknown {
    this.#refuseEnded(entry);
    return callRepository(this.#channel, target, method, args, entry);
  }

  #hook(method: string, callback: Callback, entry: Callback): void {
    this.#refuseEnded(entry);
    if (typeof callback !== 'function') {
      throw new ConfigurationError(`${method}() needs a function.`);
    }
    this.#channel.call({ target: this.#target, method, callback }, entry);
  }

  /** How the unit ended, if it has: with the worker that had it, nothing of it is left. */
  #ended(): UnitStatus | undefined {
    const { over } = this.#channel;
    return this.#status !== 'active' ? this.#status : over && 'rolled-back';
  }

  #refuseEnded(entry: Callback): void {
    const status = this.#ended();
    if (status !== undefined) {
      const { over } = this.#channel;
      const how = { active: '', committed: 'was committed', 'rolled-back': 'was rolled back' };
      const error = new UnitOfWorkClosedError(
        `The unit of work ${status === 'unknown' ? 'ended, with an unknown outcome' : how[status]}, and takes no more calls. Nothing was sent. Open another unit for what comes after.`,
        status,
        over && { cause: over },
      );
      Error.captureStackTrace(error, entry);
      throw error;
    }
  }
}

/** Stands for the getter in stacks, which has no name of its own. */
function statusOf(): void {}
