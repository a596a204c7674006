import type { UnitStatus } from '../../index.js';
import type { OpenedUnit } from '../protocol.js';
import type { Channel, ChannelListener } from './channel.js';
import { callMember, noteEnd, type UnitBook } from './members.js';
import { repositoryOf } from './repository.js';
import { OpenUnit } from './unit.js';

type UnitClass = new (units: Units, channel: Channel, opened: OpenedUnit) => OpenUnit;

/** The units that are open in the worker, as the calling thread has them. */
export class Units implements ChannelListener, UnitBook<OpenUnit> {
  readonly #open = new Map<number, OpenUnit>();
  readonly #classes: UnitClass[] = [];
  #channel: Channel | undefined;

  /** The channel that the units are opened on. */
  connect(channel: Channel): void {
    this.#channel = channel;
  }

  get hasOpenUnits(): boolean {
    return this.#open.size > 0;
  }

  /** The unit that the worker has opened. */
  add(opened: OpenedUnit): OpenUnit {
    if (opened.shape !== undefined) {
      this.#classes[opened.declared] = unitClass(opened.shape);
    }
    const Unit = this.#classes[opened.declared] as UnitClass;
    const unit = new Unit(this, this.#channel as Channel, opened);
    this.#open.set(opened.unit, unit);
    return unit;
  }

  ended(number: number, status: UnitStatus): void {
    this.#open.get(number)?.[noteEnd](status);
    this.#open.delete(number);
  }
}

/** The class of the units of one declaration, with a getter for each repository. */
function unitClass(shape: NonNullable<OpenedUnit['shape']>): UnitClass {
  class DeclaredUnit extends OpenUnit {}
  for (const [name, methods] of Object.entries(shape)) {
    const repositories = new WeakMap<OpenUnit, object>();
    Object.defineProperty(DeclaredUnit.prototype, name, {
      enumerable: true,
      get(this: OpenUnit) {
        const repository =
          repositories.get(this) ??
          repositoryOf(methods, (method, args, entry) => this[callMember](name, method, args, entry));
        repositories.set(this, repository);
        return repository;
      },
    });
  }
  return DeclaredUnit;
}
