/// An array whose elements are each written by one round of a parallel loop and read after it.
package final class ResultSlots<Value: Sendable>: @unchecked Sendable {
  private let storage: UnsafeMutableBufferPointer<Value>

  package init(repeating value: Value, count: Int) {
    storage = .allocate(capacity: count)
    storage.initialize(repeating: value)
  }

  deinit {
    storage.deinitialize()
    storage.deallocate()
  }

  /// - Precondition: no two threads use the same index at the same time.
  package subscript(index: Int) -> Value {
    get { storage[index] }
    set { storage[index] = newValue }
  }

  package var values: [Value] { Array(storage) }
}
