import { defineEntity, p } from '@mikro-orm/core';
import { MikroOrmRepository, MikroOrmUnitOfWork } from '../../src/index.js';

const PlaceSchema = defineEntity({
  name: 'Place',
  embeddable: true,
  properties: { street: p.string(), city: p.string().nullable() },
});

/** Embedded three ways: in columns, as an object, as a list of objects. */
export class Place extends PlaceSchema.class {}
PlaceSchema.setClass(Place);

const BoxSchema = defineEntity({
  name: 'Box',
  properties: { id: p.integer().primary(), name: p.string(), things: () => p.oneToMany(Thing).mappedBy('box') },
});

/** What things are in. */
export class Box extends BoxSchema.class {}
BoxSchema.setClass(Box);

const LabelSchema = defineEntity({
  name: 'Label',
  properties: { id: p.integer().primary(), text: p.string(), things: () => p.manyToMany(Thing).mappedBy('labels') },
});

/** What many things have in common. */
export class Label extends LabelSchema.class {}
LabelSchema.setClass(Label);

const PartSchema = defineEntity({
  name: 'Part',
  properties: { id: p.integer().primary(), name: p.string(), thing: () => p.manyToOne(Thing) },
});

/** What a thing owns: removed from it, it is deleted. */
export class Part extends PartSchema.class {}
PartSchema.setClass(Part);

const PassportSchema = defineEntity({
  name: 'Passport',
  properties: {
    id: p.integer().primary(),
    number: p.string(),
    thing: () => p.oneToOne(Thing).mappedBy('passport').ref(),
  },
});

/** The other side of a relation of one to one. */
export class Passport extends PassportSchema.class {}
PassportSchema.setClass(Passport);

const ThingSchema = defineEntity({
  name: 'Thing',
  properties: {
    id: p.integer().primary(),
    version: p.integer().version(),
    name: p.string(),
    note: p.string().nullable(),
    amount: p.integer(),
    price: p.decimal('string').precision(10).scale(2),
    big: p.bigint(),
    ratio: p.double(),
    flag: p.boolean(),
    at: p.datetime(),
    day: p.date(),
    kind: p.enum(['small', 'large']),
    data: p.json<{ list: number[]; deep?: { text: string } }>(),
    tags: p.array(),
    bytes: p.blob(),
    summary: p.text().lazy().nullable(),
    place: () => p.embedded(Place),
    document: () => p.embedded(Place).object(),
    places: () => p.embedded(Place).array(),
    box: () => p.manyToOne(Box).nullable(),
    spare: () => p.manyToOne(Box).ref().nullable(),
    passport: () => p.oneToOne(Passport).owner().ref().nullable(),
    parts: () => p.oneToMany(Part).mappedBy('thing').orphanRemoval().orderBy({ id: 'asc' }),
    labels: () => p.manyToMany(Label).orderBy({ id: 'asc' }),
  },
});

/** An entity with a property of every kind. */
export class Thing extends ThingSchema.class {}
ThingSchema.setClass(Thing);

export const thingEntities = [Thing, Box, Label, Part, Passport, Place];

class ThingRepository extends MikroOrmRepository<Thing> {
  protected readonly entity = Thing;
}

class BoxRepository extends MikroOrmRepository<Box> {
  protected readonly entity = Box;
}

class LabelRepository extends MikroOrmRepository<Label> {
  protected readonly entity = Label;
}

class PartRepository extends MikroOrmRepository<Part> {
  protected readonly entity = Part;
}

export class ThingUnitOfWork extends MikroOrmUnitOfWork.of({
  things: ThingRepository,
  boxes: BoxRepository,
  labels: LabelRepository,
  parts: PartRepository,
}) {}
