import { setImmediate } from 'node:timers/promises';
import { execute } from '../support/execute.js';
import type { ParallelStep, Step, UnitStep } from './history.js';
import type { ItemKind } from './item-kinds.js';
import { classify, type Outcome, Thrown } from './outcome.js';
import type { Log, Scope } from './scope.js';
import { rowValue, valueAt } from './world.js';

type SimpleStep = Exclude<Step, UnitStep | ParallelStep>;

/** What single steps do with the library. */
export class Actions {
  readonly #log: Log;
  readonly #kind: ItemKind;
  readonly #conflicts = new Map<string, number>();

  constructor(log: Log, kind: ItemKind) {
    this.#log = log;
    this.#kind = kind;
  }

  /** Does it; resolves to what was read, where something was. */
  async perform(step: SimpleStep, scope: Scope, place: string): Promise<Outcome['read']> {
    const { unit, items, holdings, reads } = scope;
    const kind = this.#kind;
    switch (step.do) {
      case 'create': {
        holdings.keys.push(place);
        const value = rowValue(scope.bare ? 'good' : step.row, place);
        holdings.held.set(place, await items.create(kind.item(place, value)));
        return undefined;
      }
      case 'change':
        return this.#change(step, scope, valueAt(place));
      case 'delete': {
        const key = holdings.pick(step.pick);
        if (key !== undefined) {
          holdings.held.delete(key);
          await items.delete(kind.key(key) as never);
        }
        return undefined;
      }
      case 'read': {
        const filter = kind.filter(reads);
        return step.how === 'count'
          ? items.count(filter)
          : new Map((await items.list(filter, this.#along)).map((item) => [kind.idOf(item), kind.valueOf(item)]));
      }
      case 'flush':
        await unit?.flush();
        return undefined;
      case 'commit':
        await unit?.commit();
        return undefined;
      case 'rollback':
        await unit?.rollback();
        return undefined;
      case 'throw':
        throw new Thrown('app', place);
      case 'abort':
        scope.abort?.abort(new Thrown('abort', place));
        return undefined;
      case 'break':
        await (unit && execute(unit.session, 'select 1/0'));
        return undefined;
      case 'conflict':
        return this.#conflict(step.times, scope, place);
      case 'pause':
        for (let turn = 0; turn < step.turns; turn += 1) {
          await setImmediate();
        }
        return undefined;
      case 'stray': {
        const inserted = unit?.session.insert(
          kind.row?.entity ?? kind.entity,
          kind.row?.data(`stray ${place}`) ?? kind.item(`stray ${place}`, 1),
        );
        scope.strays.push(this.note(`${place} later`, inserted));
        return undefined;
      }
      case 'hook':
        return this.#hook(step.on, step.throws, scope, place);
    }
  }

  get #along(): { populate: never } | undefined {
    return this.#kind.populate && { populate: this.#kind.populate as never };
  }

  async #change(step: Step & { do: 'change' }, { items, holdings, unit }: Scope, value: number): Promise<undefined> {
    const kind = this.#kind;
    const key = holdings.pick(step.pick);
    if (key === undefined) {
      return;
    }
    const held = step.how === 'key' || unit?.status !== 'active' ? undefined : holdings.held.get(key);
    if (step.how !== 'set' || unit === undefined) {
      holdings.held.set(key, await items.update(held ?? (kind.key(key) as never), kind.change(value)));
      return;
    }
    const item = held ?? (await items.retrieve(kind.key(key) as never));
    if (item === null) {
      throw new Thrown('missing', key);
    }
    holdings.held.set(key, item);
    await kind.load?.(item);
    kind.set(item, value);
  }

  async #conflict(times: number, { unit }: Scope, place: string): Promise<undefined> {
    const fixed = place.replace(/~\d+/g, '');
    const before = this.#conflicts.get(fixed) ?? 0;
    this.#conflicts.set(fixed, before + 1);
    if (before < times) {
      await (unit && execute(unit.session, 'select conflict()'));
    }
    return undefined;
  }

  #hook(on: 'commit' | 'rollback', throws: boolean, { unit, hooks }: Scope, place: string): undefined {
    const hook = async () => {
      await setImmediate(); // they are awaited, one after the other
      hooks.push(place);
      if (throws) {
        throw new Thrown('hook', place);
      }
    };
    on === 'commit' ? unit?.afterCommit(hook) : unit?.afterRollback(hook);
  }

  /** Notes how something settles that nobody in the history asks about. */
  async note(place: string, promise: Promise<unknown> | undefined): Promise<void> {
    try {
      await promise;
      this.#log.outcomes.set(place, { result: 'ok' });
    } catch (error) {
      this.#log.outcomes.set(place, { result: classify(error), error });
    }
  }
}
