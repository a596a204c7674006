import { defineEntity, p } from '@mikro-orm/core';

const WriterSchema = defineEntity({
  name: 'Writer',
  properties: {
    id: p.integer().primary(),
    name: p.string(),
    books: () => p.oneToMany(Book).mappedBy('writer'),
    profile: () => p.oneToOne(Profile).mappedBy('writer').nullable(),
    mentor: () => p.manyToOne(Writer).nullable(),
    pupils: () => p.oneToMany(Writer).mappedBy('mentor'),
  },
});
export class Writer extends WriterSchema.class {}
WriterSchema.setClass(Writer);

const ProfileSchema = defineEntity({
  name: 'Profile',
  properties: {
    id: p.integer().primary(),
    text: p.string(),
    writer: () => p.oneToOne(Writer).owner().inversedBy('profile').nullable(),
  },
});
/** The owning side of one to one. */
export class Profile extends ProfileSchema.class {}
ProfileSchema.setClass(Profile);

const BookSchema = defineEntity({
  name: 'Book',
  properties: {
    id: p.integer().primary(),
    title: p.string(),
    version: p.integer().version(),
    writer: () => p.manyToOne(Writer).deleteRule('cascade'),
    tags: () => p.manyToMany(Tag).inversedBy('books'),
    notes: () => p.oneToMany(Note).mappedBy('book').orphanRemoval(),
    related: () => p.manyToMany(Book),
  },
});
export class Book extends BookSchema.class {}
BookSchema.setClass(Book);

const TagSchema = defineEntity({
  name: 'Tag',
  properties: { id: p.integer().primary(), text: p.string(), books: () => p.manyToMany(Book).mappedBy('tags') },
});
export class Tag extends TagSchema.class {}
TagSchema.setClass(Tag);

const NoteSchema = defineEntity({
  name: 'Note',
  properties: {
    id: p.integer().primary(),
    text: p.string(),
    book: () => p.manyToOne(Book).deleteRule('cascade'),
  },
});
/** What a book owns: removed from it, it is deleted. */
export class Note extends NoteSchema.class {}
NoteSchema.setClass(Note);

const StockSchema = defineEntity({
  name: 'Stock',
  primaryKeys: ['book', 'shelf'],
  properties: {
    book: () => p.manyToOne(Book).primary().deleteRule('cascade'),
    shelf: p.string().primary(),
    count: p.integer(),
  },
});
/** With a relation in its key. */
export class Stock extends StockSchema.class {}
StockSchema.setClass(Stock);

const CodeSchema = defineEntity({
  name: 'Code',
  properties: { code: p.text().primary(), text: p.string() },
});
/** With a key that may be changed. */
export class Code extends CodeSchema.class {}
CodeSchema.setClass(Code);

const SealSchema = defineEntity({
  name: 'Seal',
  forceConstructor: true,
  properties: { id: p.integer().primary(), motto: p.string(), wax: p.string() },
});
/** Whose constructor sets what is stored. */
export class Seal extends SealSchema.class {
  constructor(motto: string) {
    super();
    this.motto = motto;
  }
}
SealSchema.setClass(Seal);

const ItemSchema = defineEntity({
  name: 'Item',
  abstract: true,
  discriminatorColumn: 'type',
  properties: { id: p.integer().primary(), type: p.enum(['pen', 'ink']), price: p.integer() },
});
/** Two classes in one table. */
export class Item extends ItemSchema.class {}
ItemSchema.setClass(Item);

const PenSchema = defineEntity({
  name: 'Pen',
  extends: Item,
  discriminatorValue: 'pen',
  properties: { nib: p.string() },
});
export class Pen extends PenSchema.class {}
PenSchema.setClass(Pen);

const InkSchema = defineEntity({
  name: 'Ink',
  extends: Item,
  discriminatorValue: 'ink',
  properties: { colour: p.string() },
});
export class Ink extends InkSchema.class {}
InkSchema.setClass(Ink);

export const relationEntities = [Writer, Profile, Book, Tag, Note, Stock, Code, Seal, Item, Pen, Ink];
