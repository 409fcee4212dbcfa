/// The names in a request, for messages.
struct MilvusNames {
  var collection = ""
  var alias = ""
  /// More collections.
  var others: [String] = []
}
