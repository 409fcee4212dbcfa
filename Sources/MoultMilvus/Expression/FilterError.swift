struct FilterError: Error {
  var message: String
}
