import {
  Collection,
  Cursor,
  type EntityManager,
  type EntityMetadata,
  type EntityProperty,
  type MetadataStorage,
  Reference,
  ReferenceKind,
  ScalarReference,
  Utils,
  wrap,
} from '@mikro-orm/core';
import { define } from '../crossing/define.js';
import type { EntityMark, Mark, Packer } from '../crossing/pack.js';

/** How entities are looked at. */
export interface Looking {
  /** Is told of an entity that has no key yet. */
  keyless(): void;
  /**
   * Of a write: the relations whose entities were given as data. All others are known to who wrote them, and go by their
   * keys: what the session happens to hold of them may be without end.
   */
  readonly nested?: ReadonlySet<string> | undefined;
}

/** Which rows the entities are that go to the calling thread and come back. */
export class Entities {
  readonly #classes: EntityMetadata[] = [];
  readonly #numbers = new Map<EntityMetadata, number>();
  /** Keys that are objects of the consumer's own: they stay here. */
  readonly #keys: object[] = [];
  #metadata: MetadataStorage | undefined;

  /** Takes the entities of this engine from now on. */
  knowFrom(metadata: MetadataStorage): void {
    this.#metadata = metadata;
  }

  /** What crosses in the place of MikroORM's objects. */
  replace(value: object, packer: Packer, looking: Looking): { by: unknown } | undefined {
    if (Utils.isEntity<object>(value)) {
      const meta = this.#metadata?.find(value.constructor as never);
      return meta && { by: this.#top(value, meta as EntityMetadata, packer, looking) };
    }
    return this.#replaceHolder(value, packer);
  }

  #replaceHolder(value: unknown, packer: Packer): { by: unknown } | undefined {
    if (value instanceof Reference || value instanceof ScalarReference) {
      return { by: packer.pack(value.unwrap()) };
    }
    if (value instanceof Collection) {
      return { by: packer.pack(value.getItems(false)) };
    }
    if (value instanceof Cursor) {
      const { items, totalCount, startCursor, endCursor, hasPrevPage, hasNextPage, length } = value;
      return { by: packer.pack({ items, totalCount, startCursor, endCursor, hasPrevPage, hasNextPage, length }) };
    }
    return undefined;
  }

  /** The entity, as the session has it; a reference where it has none. */
  reference(session: EntityManager, { entity, key, schema }: EntityMark): object {
    const { class: Class } = this.#classes[entity] as EntityMetadata;
    return session.getReference(Class, this.key({ key }) as never, { schema }) as object;
  }

  /** The entity's key. */
  key({ key }: Pick<EntityMark, 'key'>): unknown {
    return typeof key === 'object' && key !== null && 'stored' in key ? this.#keys[key.stored as number] : key;
  }

  #top(entity: object, meta: EntityMetadata, packer: Packer, looking: Looking): object {
    const { nested } = looking;
    const apart =
      nested === undefined ? [] : meta.relations.map(({ name }) => name).filter((name) => !nested.has(name));
    const shape = wrap(entity).toObject(apart as never[]) as Record<string, unknown>;
    return this.#plain(entity, meta, shape, packer, looking, (copy, mark) => packer.remember(entity, copy, mark));
  }

  /** MikroORM's plain object of an entity, with what it knows about the entities in it. */
  #plain(
    entity: object,
    meta: EntityMetadata,
    shape: Record<string, unknown>,
    packer: Packer,
    looking: Looking,
    remember = (copy: object, mark?: Mark): unknown => mark && packer.marks.push([copy, mark]),
  ): object {
    const mark = this.#markOf(entity, meta);
    if (mark === undefined) {
      looking.keyless();
    }
    const copy = {};
    remember(copy, mark);
    const known = new Set<string>();
    for (const property of meta.props) {
      const name = property.serializedName ?? property.name;
      known.add(name);
      const value = this.#property(entity, property, shape[name], packer, looking);
      if (value !== undefined) {
        define(copy, name, value);
      }
    }
    for (const [name, value] of Object.entries(shape)) {
      if (!known.has(name)) {
        define(copy, name, packer.pack(value, `.${name}`));
      }
    }
    return copy;
  }

  #property(entity: object, property: EntityProperty, value: unknown, packer: Packer, looking: Looking): unknown {
    const member: unknown = (entity as Record<string, unknown>)[property.name];
    const { targetMeta } = property;
    if (targetMeta === undefined || property.hidden || member === null || member === undefined) {
      // MikroORM has made JSON of some values; those that it has left out stay out
      const own = value !== undefined && member !== undefined && property.serializer === undefined;
      return own ? this.#value(property, member, packer) : packer.pack(value, `.${property.name}`);
    }
    if (Utils.isCollection<object>(member)) {
      const items = member.getItems(false);
      if (Array.isArray(value)) {
        return value.map((each, index) => this.#related(items[index], targetMeta, each, packer, looking));
      }
      const keys = looking.nested !== undefined && member.isInitialized();
      return keys ? packer.pack(items.map((item) => Utils.extractPK(item, targetMeta))) : undefined;
    }
    const related: unknown = Reference.unwrapReference(member as object);
    if (!Utils.isEntity<object>(related)) {
      return packer.pack(value, `.${property.name}`);
    }
    if (Utils.isPlainObject(value) && wrap(related).isInitialized()) {
      return this.#related(related, targetMeta, value, packer, looking);
    }
    // what is typed as an entity has its key at least, as in the asynchronous API
    return property.ref ? packer.pack(Utils.extractPK(related, targetMeta)) : this.#keyOnly(related, packer);
  }

  /** A value that is no entity; an embedded object as its properties. */
  #value(property: EntityProperty, value: unknown, packer: Packer): unknown {
    if (property.kind !== ReferenceKind.EMBEDDED || value === null || typeof value !== 'object') {
      return packer.pack(value, `.${property.name}`);
    }
    if (Array.isArray(value)) {
      return value.map((item) => this.#value(property, item, packer));
    }
    const copy = {};
    for (const [name, part] of Object.entries(property.embeddedProps)) {
      const member = (value as Record<string, unknown>)[name];
      if (member !== undefined && !part.hidden) {
        define(copy, name, this.#value(part, member, packer));
      }
    }
    return copy;
  }

  #related(
    related: object | undefined,
    target: EntityMetadata,
    shape: unknown,
    packer: Packer,
    looking: Looking,
  ): unknown {
    if (related === undefined || !Utils.isPlainObject(shape)) {
      return packer.pack(shape);
    }
    const meta = (this.#metadata?.find(related.constructor as never) as EntityMetadata | undefined) ?? target;
    return this.#plain(related, meta, shape as Record<string, unknown>, packer, looking);
  }

  #keyOnly(entity: object, packer: Packer): object | undefined {
    const meta = this.#metadata?.find(entity.constructor as never) as EntityMetadata | undefined;
    const mark = meta && this.#markOf(entity, meta);
    if (meta === undefined || mark === undefined) {
      return undefined;
    }
    const copy = {};
    for (const [name, value] of Object.entries(Utils.primaryKeyToObject(meta, Utils.extractPK(entity, meta)))) {
      define(copy, name, packer.pack(value));
    }
    packer.marks.push([copy, mark]);
    return copy;
  }

  #markOf(entity: object, meta: EntityMetadata): Mark | undefined {
    const key: unknown = Utils.extractPK(entity, meta);
    if (key === null || key === undefined || (Array.isArray(key) && key.some((part) => part === undefined))) {
      return undefined;
    }
    const schema = wrap(entity).getSchema();
    return { was: 'entity', entity: this.#numberOf(meta), key: this.#crossing(key), schema };
  }

  #crossing(key: unknown): unknown {
    return isPlainKey(key) ? key : { stored: this.#keys.push(key as object) - 1 };
  }

  #numberOf(meta: EntityMetadata): number {
    const number = this.#numbers.get(meta) ?? this.#classes.push(meta) - 1;
    this.#numbers.set(meta, number);
    return number;
  }
}

const isPlainKey = (key: unknown): boolean =>
  Array.isArray(key) ? key.every(isPlainKey) : typeof key !== 'object' || key === null || key instanceof Date;
