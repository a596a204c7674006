/**
 * What any store of entities can do. The data, filters and keys are the implementation's own types;
 * `MikroOrmRepository` fills in MikroORM's.
 */
export interface BaseRepository<
  Entity extends object,
  Data = Partial<Entity>,
  Changes = Partial<Entity>,
  Filter = Partial<Entity>,
  Key = unknown,
> {
  /** Stores a new entity, given as such or by its data. */
  create(data: Entity | Data): Promise<Entity>;
  /** The entity with this key, or the first one that fits the filter; null where there is none. */
  retrieve(where: Filter): Promise<Entity | null>;
  /** All entities that fit the filter; without one, all. */
  list(filter?: Filter): Promise<Entity[]>;
  /** Changes the fields that are given, and no others. */
  update(entityOrKey: Entity | Key, data: Changes): Promise<Entity>;
  /** Deletes the entity. */
  delete(entityOrKey: Entity | Key): Promise<void>;
}
