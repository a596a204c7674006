import type {
  EntityDTO,
  EntityDTOProp,
  EntityKey,
  FindOptions,
  Primary,
  Reference,
  Scalar,
  ScalarReference,
} from '@mikro-orm/core';

/** Anything that holds many entities. */
interface Many {
  getItems(check?: boolean): unknown[];
}

/** The fields that a row can have: columns, embedded objects and keys of related entities, but no collections. */
export type RowField<Entity> = {
  [Key in EntityKey<Entity>]: Entity[Key] & {} extends Many ? never : Key;
}[EntityKey<Entity>];

/** A field as `rows()` gives it: what is null in the database is null, and of a related entity there is its key. */
type RowValue<Entity, Value> =
  | (Value & {} extends Scalar | ScalarReference<infer _Inner>
      ? EntityDTOProp<Entity, Value & {}>
      : Value & {} extends Reference<infer Related>
        ? Primary<Related>
        : Value & {} extends readonly unknown[]
          ? EntityDTOProp<Entity, Value & {}>
          : Primary<Value & {}> extends Value
            ? EntityDTO<Value & {}>
            : Primary<Value & {}>)
  | (null extends Value ? null : undefined extends Value ? null : never);

/** A plain object with fields of an entity. */
export type Row<Entity, Field extends RowField<Entity> = RowField<Entity>> = {
  [Key in Field]: RowValue<Entity, Entity[Key]>;
};

/** MikroORM's options, as far as they mean something without entities. */
export interface RowsOptions<Entity, Field extends RowField<Entity> = RowField<Entity>>
  extends Pick<FindOptions<Entity>, 'orderBy' | 'limit' | 'offset' | 'filters' | 'schema' | 'comments'> {
  /** Without them, all fields that are neither hidden nor lazy. */
  readonly fields?: readonly Field[];
}
