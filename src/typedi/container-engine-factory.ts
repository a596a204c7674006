import type { MikroORM } from '@mikro-orm/core';
import type { ContainerInstance } from 'typedi';
import { type Enclosing, enclosureOf } from '../engine/enclosure.js';
import { MikroOrmEngineFactory } from '../engine/engine-factory.js';
import { OpenUnits, openUnitsOf, type UnitHost } from '../engine/open-units.js';
import type { EngineFactory } from '../interfaces/engine-factory.js';

/**
 * The engine factory that a container holds at the moment. Services keep their units of work for ever; with this, an
 * engine that is registered in the place of another one reaches those that were built before, too.
 */
export class ContainerEngineFactory implements EngineFactory<MikroORM>, UnitHost, Enclosing {
  readonly #container: Pick<ContainerInstance, 'get'>;
  readonly #nobodys = new OpenUnits();

  constructor(container: Pick<ContainerInstance, 'get'>) {
    this.#container = container;
  }

  get openUnits(): OpenUnits {
    return openUnitsOf(this.#current) ?? this.#nobodys;
  }

  get enclosure() {
    return enclosureOf(this.#current);
  }

  create(): Promise<MikroORM> {
    return this.#current.create();
  }

  dispose(options?: { timeout?: number }): Promise<void> {
    return this.#current.dispose(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  get #current(): EngineFactory<MikroORM> {
    return this.#container.get<EngineFactory<MikroORM>>(MikroOrmEngineFactory);
  }
}
