/// Whether a history of operations on registers can be told as one sequence in which each takes effect at some instant
/// between its call and its return (Herlihy and Wing, 1990).
///
/// Every register is judged by itself: linearizability is local. The search is that of Wing and Gong (1993) with Lowe's
/// (2017) memory of configurations that failed already, so that histories of a few clients take linear time.
public struct LinearizabilityChecker {
  public struct Operation: Sendable {
    public enum Kind: Sendable, Equatable {
      case write(Int?)
      /// What was seen; `nil` is nothing.
      case read(Int?)
    }
    public var kind: Kind
    /// Of one clock that all clients share; a call comes before its return.
    public var calledAt: Int
    public var returnedAt: Int

    public init(_ kind: Kind, calledAt: Int, returnedAt: Int) {
      self.kind = kind
      self.calledAt = calledAt
      self.returnedAt = returnedAt
    }
  }

  /// - Parameters:
  ///   - history: of one register, in any order.
  ///   - initial: its value before.
  public static func isLinearizable(_ history: [Operation], initial: Int? = nil) -> Bool {
    let operations = history.sorted { $0.calledAt < $1.calledAt }
    var search = Search(operations: operations)
    return search.run(value: initial)
  }

  /// A configuration is what has taken effect and the value then. All before `first` has taken effect, and of those
  /// behind it the ones in `done`, which are few: only calls that overlap.
  private struct Configuration: Hashable {
    var first: Int
    var done: Set<Int>
    var value: Int?
  }

  private struct Search {
    let operations: [Operation]
    var failed: Set<Configuration> = []

    mutating func run(value: Int?) -> Bool {
      // Depth first with a stack of its own: a history is longer than the thread's stack is deep.
      var stack = [Configuration(first: 0, done: [], value: value)]
      while let configuration = stack.popLast() {
        if configuration.first == operations.count { return true }
        guard failed.insert(configuration).inserted else { continue }
        stack.append(contentsOf: next(configuration))
      }
      return false
    }

    /// What may take effect next: no other that has not yet may have returned before its call.
    private func next(_ configuration: Configuration) -> [Configuration] {
      var candidates: [Configuration] = []
      var earliestReturn = Int.max
      var index = configuration.first
      while index < operations.count, operations[index].calledAt < earliestReturn {
        if !configuration.done.contains(index) {
          earliestReturn = min(earliestReturn, operations[index].returnedAt)
          if let value = applied(operations[index].kind, to: configuration.value) {
            var next = configuration
            next.value = value
            next.done.insert(index)
            while next.done.remove(next.first) != nil { next.first += 1 }
            candidates.append(next)
          }
        }
        index += 1
      }
      return candidates
    }

    /// - Returns: the value afterwards; `nil` when the operation cannot have seen what there was.
    private func applied(_ kind: Operation.Kind, to value: Int?) -> Int?? {
      switch kind {
      case .write(let new): .some(new)
      case .read(let seen): seen == value ? .some(value) : .none
      }
    }
  }
}
