internal import MoultModel

/// The database of the request under way.
enum RequestDatabase {
  @TaskLocal static var name = Name.defaultDatabase
}
