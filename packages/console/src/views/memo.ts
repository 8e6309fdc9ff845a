import { Component, type ComponentType, createElement, type VNode } from 'preact';

/** The same view, drawn again only when one of its properties is another value. */
export function memo<P extends object>(View: ComponentType<P>): ComponentType<P> {
  return class Memo extends Component<P> {
    override shouldComponentUpdate(next: Readonly<P>): boolean {
      const keys = new Set([...Object.keys(next), ...Object.keys(this.props)]) as Set<keyof P>;
      for (const key of keys) if (next[key] !== (this.props as P)[key]) return true;
      return false;
    }
    override render(): VNode {
      return createElement(View, this.props as P) as VNode;
    }
  };
}
