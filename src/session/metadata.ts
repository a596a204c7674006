import { type EntityMetadata, type EntityProperty, ReferenceKind } from '@mikro-orm/core';

/** Metadata of whatever class: the checks walk from one to the next. */
export type Meta = EntityMetadata;

/** The property of this name, if the class has it; names that every object inherits are none. */
export const propertyOf = (meta: Meta, name: string): EntityProperty | undefined =>
  Object.hasOwn(meta.properties, name) ? (meta.properties as Record<string, EntityProperty>)[name] : undefined;

/** The names that a caller can write, for messages that may go back to him: without hidden ones. */
export const fieldNames = (meta: Meta): string[] =>
  Object.values<EntityProperty>(meta.properties)
    .filter(({ embedded, hidden }) => embedded === undefined && !hidden)
    .map(({ name }) => name);

/** The same of an embedded object. */
export const embeddedNames = ({ embeddedProps }: EntityProperty): string[] =>
  Object.entries(embeddedProps)
    .filter(([, { hidden }]) => !hidden)
    .map(([name]) => name);

/**
 * Whether two classes are in one hierarchy of inheritance. Two engines of the same classes have metadata of their own, and an
 * entity knows that of the engine that was made last: only classes can be compared.
 */
export const areRelatives = (
  one: { readonly root: { readonly class: unknown } } | undefined,
  other: { readonly root: { readonly class: unknown } },
): boolean => one?.root.class === other.root.class;

export const isToMany = ({ kind }: EntityProperty): boolean =>
  kind === ReferenceKind.ONE_TO_MANY || kind === ReferenceKind.MANY_TO_MANY;

export const isToOne = ({ kind }: EntityProperty): boolean =>
  kind === ReferenceKind.MANY_TO_ONE || kind === ReferenceKind.ONE_TO_ONE;

export const isRelation = (property: EntityProperty): boolean => isToOne(property) || isToMany(property);

/** The names of the columns that an embedded object in columns of the row's own has, as properties. */
export const columnsOf = (property: EntityProperty): string[] =>
  property.kind === ReferenceKind.EMBEDDED && !property.object
    ? Object.values(property.embeddedProps).flatMap(columnsOf)
    : [property.name];
