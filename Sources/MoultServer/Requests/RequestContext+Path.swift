internal import Foundation
internal import Hummingbird

extension RequestContext {
  /// A part of the path, as its text was before it was percent-encoded: clients encode the `:` of `collection:field`.
  func pathPart(_ name: String) throws -> String {
    let text = try parameters.require(name)
    return text.removingPercentEncoding ?? text
  }
}
