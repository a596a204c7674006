import { defineEntity, p, Type } from '@mikro-orm/core';

/** Stores a boolean the other way round. */
class Inverted extends Type<boolean, boolean> {
  override convertToDatabaseValue(value: boolean): boolean {
    return !value;
  }
  override convertToJSValue(value: boolean): boolean {
    return !value;
  }
  override getColumnType(): string {
    return 'boolean';
  }
}

const HomeSchema = defineEntity({
  name: 'PostHome',
  embeddable: true,
  properties: { city: p.string(), street: p.string().nullable() },
});
export class PostHome extends HomeSchema.class {}
HomeSchema.setClass(PostHome);

const TagSchema = defineEntity({ name: 'Tag', properties: { id: p.integer().primary(), text: p.string() } });
export class Tag extends TagSchema.class {}
TagSchema.setClass(Tag);

const PostSchema = defineEntity({
  name: 'Post',
  properties: {
    id: p.integer().primary(),
    title: p.string().unique(),
    balance: p.integer().default(0),
    note: p.string().nullable(),
    open: p.type(Inverted).$type<boolean>().default(false),
    home: () => p.embedded(PostHome).nullable(),
    tags: () => p.manyToMany(Tag),
  },
});
export class Post extends PostSchema.class {}
PostSchema.setClass(Post);

export const postEntities = [Post, Tag, PostHome];
