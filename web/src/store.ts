// A value that components watch. Small on purpose: one value, one list of listeners.

import { useEffect, useReducer, useRef } from 'preact/hooks';

export class Store<T> {
  private readonly listeners = new Set<() => void>();

  constructor(private value: T) {}

  get(): T {
    return this.value;
  }

  set(value: T): void {
    if (Object.is(value, this.value)) return;
    this.value = value;
    for (const listener of [...this.listeners]) listener();
  }

  patch(part: Partial<T>): void {
    this.set({ ...this.value, ...part });
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/** Renders the component again whenever what `pick` returns is another value than before. */
export function useStore<T, R>(store: Store<T>, pick: (value: T) => R): R {
  const [, again] = useReducer((n: number) => n + 1, 0);
  const picked = pick(store.get());
  const last = useRef({ pick, picked });
  last.current = { pick, picked };
  useEffect(() => {
    const look = () => {
      if (!Object.is(last.current.pick(store.get()), last.current.picked)) again(0);
    };
    // What changed between the render and this effect must not be missed.
    look();
    return store.subscribe(look);
  }, [store]);
  return picked;
}
