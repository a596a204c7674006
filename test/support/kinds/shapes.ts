import { defineEntity, p } from '@mikro-orm/core';
import { Entity, Filter, Formula, PrimaryKey, Property, Unique } from '@mikro-orm/decorators/legacy';
import { PrefixedCustomer } from './keys.js';

/** Single-table inheritance. */
@Entity({ discriminatorColumn: 'type', discriminatorMap: { animal: 'Animal', dog: 'Dog', cat: 'Cat' } })
export class Animal {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'string' })
  name!: string;
}

@Entity()
export class Dog extends Animal {
  @Property({ type: 'integer', nullable: true })
  barks?: number | null;
}

@Entity()
export class Cat extends Animal {
  @Property({ type: 'integer', nullable: true })
  lives?: number | null;
}

/** A table per type. */
@Entity({ inheritance: 'tpt' })
export abstract class Vehicle {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'string' })
  name!: string;
}

@Entity()
export class Car extends Vehicle {
  @Property({ type: 'integer' })
  doors!: number;
}

@Entity()
export class Boat extends Vehicle {
  @Property({ type: 'integer' })
  masts!: number;
}

const SpotSchema = defineEntity({
  name: 'Spot',
  embeddable: true,
  properties: { city: p.string().nullable(), street: p.string().nullable() },
});
export class Spot extends SpotSchema.class {}
SpotSchema.setClass(Spot);

let clock = 0;

const MixedSchema = defineEntity({
  name: 'Mixed',
  properties: {
    id: p.integer().primary(),
    owner: p.string(),
    inline: () => p.embedded(Spot).nullable(),
    json: () => p.embedded(Spot).object().nullable(),
    big: p.bigint().nullable(),
    data: p.json<{ a?: number }>().nullable(),
    tags: p.array().nullable(),
    touched: p
      .integer()
      .default(0)
      .onUpdate(() => {
        clock += 1;
        return clock;
      }),
    customer: () => p.manyToOne(PrefixedCustomer).ref().nullable(),
  },
});
export class Mixed extends MixedSchema.class {}
MixedSchema.setClass(Mixed);

/** Unique in ways that an upsert can't be aimed at, a formula, and soft deletion. */
@Entity()
@Unique({ properties: ['partial'], where: 'deleted = false' })
@Unique({ properties: ['deferred'], deferMode: 'deferred' })
@Filter({ name: 'present', cond: { deleted: false }, default: true })
export class Odd {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'string' })
  partial!: string;

  @Property({ type: 'string' })
  deferred!: string;

  @Unique()
  @Property({ type: 'string' })
  plain!: string;

  @Property({ type: 'boolean', default: false })
  deleted: boolean = false;

  @Formula((columns) => `${columns.id} * 2`, { type: 'integer' })
  doubled?: number;
}

/** A view: it has no key. */
@Entity({ expression: 'select name from animal' })
export class AnimalName {
  @Property({ type: 'string' })
  name!: string;
}

export const shapeEntities = [Animal, Dog, Cat, Vehicle, Car, Boat, Spot, Mixed, Odd, AnimalName, PrefixedCustomer];
