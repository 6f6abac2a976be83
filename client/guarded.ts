import { invalidRequest } from '../protocol/errors.ts'

/** Methods that take no id: those of a whole kind of object. */
const idless = ['create', 'list', 'upload']
/** Methods of what belongs to something that take the id of that first. */
const ofParent = ['create', 'list', 'send', 'stream', 'add']
const parents = ['session_id', 'vault_id', 'memory_store_id', 'skill_id']

/**
 * An API whose methods first see to what is the same for all: that Holdfast is open, and that ids are texts. Over HTTP they
 * always are; in the library a variable may be undefined.
 * @param check throws when Holdfast is closed
 */
export function guarded<Api extends object>(api: Api, check: () => void, within: readonly string[] = []): Api {
  const entries = Object.entries(api).map(([name, member]) => {
    if (typeof member !== 'function') return [name, guarded(member as object, check, [...within, name])]
    const takesId = within.length > 0 || !idless.includes(name)
    const takesParent = within.length > 0 && (within.at(-2) === 'threads' || !ofParent.includes(name))
    const where = [...within, name].join('.')
    const method = (...given: unknown[]) => {
      try {
        check()
        if (takesId && typeof given[0] !== 'string') throw invalidRequest(`${where}: needs an id`)
        if (takesParent && !hasParent(given[1])) {
          throw invalidRequest(`${where}: needs the id of what it belongs to (${parents.join(', ')})`)
        }
      } catch (error) {
        if (iterates(member)) throw error
        return Promise.reject(error)
      }
      return (member as (...given: unknown[]) => unknown)(...given)
    }
    return [name, method]
  })
  return Object.fromEntries(entries)
}

const hasParent = (params: unknown) =>
  parents.some((name) => typeof (params as Record<string, unknown> | null | undefined)?.[name] === 'string')

/** Whether a method gives what is iterated over, and not a promise. */
const iterates = (method: object) => Reflect.get(method, Symbol.toStringTag) === 'AsyncGeneratorFunction'
