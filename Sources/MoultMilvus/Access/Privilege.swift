/// What Milvus calls the right to do something, and which of its methods and routes need which.
enum Privilege {
  /// What a privilege can be granted for.
  enum Level: String {
    /// The server, so `*` of `*`.
    case cluster
    /// A database.
    case database
    /// A collection of a database.
    case collection

    /// As the older way to grant calls it.
    var object: String { self == .collection ? "Collection" : "Global" }
  }

  /// In the words of the older way to grant: everything.
  static let all = "*"

  /// Of every method: `nil` where any user may call it, or where the operation looks closer. A method that is not here
  /// is for users of the role `admin`.
  static let methods: [String: String?] = [
    "Connect": nil, "GetVersion": nil, "CheckHealth": nil, "AllocTimestamp": nil, "GetCompactionState": nil,
    "GetCompactionStateWithPlans": nil, "GetReplicas": nil,
    "GetImportState": nil, "ListImportTasks": nil, "RunAnalyzer": nil,
    "GetFlushAllState": nil, "ShowCollections": nil, "UpdateCredential": nil, "SelectUser": nil,
    "SelectGrant": nil,
    "CreateCollection": "CreateCollection", "DropCollection": "DropCollection",
    "DescribeCollection": "DescribeCollection", "HasCollection": "DescribeCollection",
    "RenameCollection": "RenameCollection", "GetCollectionStatistics": "GetStatistics",
    "GetPartitionStatistics": "GetStatistics", "AlterCollection": "CreateCollection",
    "AddCollectionField": "CreateCollection", "AlterCollectionField": "CreateCollection",
    "AlterCollectionSchema": "CreateCollection", "TruncateCollection": "DropCollection",
    "GetQuerySegmentInfo": "GetStatistics", "GetPersistentSegmentInfo": "GetStatistics",
    "CreateIndex": "CreateIndex", "AlterIndex": "CreateIndex", "DropIndex": "DropIndex",
    "DescribeIndex": "IndexDetail", "LoadCollection": "Load", "LoadPartitions": "Load",
    "ReleaseCollection": "Release", "ReleasePartitions": "Release", "GetLoadState": "GetLoadState",
    "GetLoadingProgress": "GetLoadingProgress", "Flush": "Flush", "GetFlushState": "GetFlushState",
    "FlushAll": "FlushAll", "ManualCompaction": "Compaction", "Insert": "Insert", "Upsert": "Upsert",
    "Delete": "Delete", "Query": "Query", "Search": "Search", "HybridSearch": "Search",
    "CreatePartition": "CreatePartition", "DropPartition": "DropPartition", "HasPartition": "HasPartition",
    "ShowPartitions": "ShowPartitions", "CreateAlias": "CreateAlias", "AlterAlias": "CreateAlias",
    "DropAlias": "DropAlias", "DescribeAlias": "DescribeAlias", "ListAliases": "ListAliases",
    "CreateDatabase": "CreateDatabase", "DropDatabase": "DropDatabase", "ListDatabases": "ListDatabases",
    "DescribeDatabase": "DescribeDatabase", "AlterDatabase": "AlterDatabase", "Import": "Import",
    "CreateCredential": "CreateOwnership", "DeleteCredential": "DropOwnership",
    "ListCredUsers": "SelectOwnership",
    "CreateRole": "CreateOwnership", "AlterRole": "CreateOwnership", "DropRole": "DropOwnership",
    "SelectRole": "SelectOwnership", "OperateUserRole": "ManageOwnership",
    "OperatePrivilege": "ManageOwnership",
    "OperatePrivilegeV2": "ManageOwnership", "CreatePrivilegeGroup": "CreatePrivilegeGroup",
    "DropPrivilegeGroup": "DropPrivilegeGroup", "ListPrivilegeGroups": "ListPrivilegeGroups",
    "OperatePrivilegeGroup": "OperatePrivilegeGroup",
  ]

  /// The method that does what a route does.
  static let routes: [String: String] = [
    "collections/create": "CreateCollection", "collections/drop": "DropCollection",
    "collections/list": "ShowCollections", "collections/has": "HasCollection",
    "collections/rename": "RenameCollection", "collections/get_stats": "GetCollectionStatistics",
    "collections/describe": "DescribeCollection", "collections/alter_properties": "AlterCollection",
    "collections/drop_properties": "AlterCollection", "collections/truncate": "TruncateCollection",
    "collections/compact": "ManualCompaction", "collections/get_compaction_state": "GetCompactionState",
    "collections/load": "LoadCollection", "collections/refresh_load": "LoadCollection",
    "collections/release": "ReleaseCollection", "collections/flush": "Flush",
    "collections/get_load_state": "GetLoadState", "collections/fields/add": "AddCollectionField",
    "collections/fields/alter_properties": "AlterCollectionField",
    "collections/fields/drop": "AlterCollectionSchema",
    "entities/insert": "Insert", "entities/upsert": "Upsert", "entities/delete": "Delete",
    "entities/get": "Query", "entities/query": "Query", "entities/search": "Search",
    "entities/hybrid_search": "HybridSearch", "entities/advanced_search": "HybridSearch",
    "indexes/create": "CreateIndex", "indexes/drop": "DropIndex", "indexes/list": "DescribeIndex",
    "indexes/describe": "DescribeIndex", "indexes/alter_properties": "AlterIndex",
    "indexes/drop_properties": "AlterIndex", "aliases/create": "CreateAlias", "aliases/alter": "AlterAlias",
    "aliases/drop": "DropAlias", "aliases/describe": "DescribeAlias", "aliases/list": "ListAliases",
    "partitions/create": "CreatePartition", "partitions/drop": "DropPartition",
    "partitions/has": "HasPartition",
    "partitions/list": "ShowPartitions", "partitions/get_stats": "GetPartitionStatistics",
    "partitions/load": "LoadPartitions", "partitions/release": "ReleasePartitions",
    "databases/create": "CreateDatabase", "databases/drop": "DropDatabase", "databases/list": "ListDatabases",
    "databases/describe": "DescribeDatabase", "databases/alter": "AlterDatabase",
    "databases/alter_properties": "AlterDatabase", "databases/drop_properties": "AlterDatabase",
    "users/create": "CreateCredential", "users/drop": "DeleteCredential", "users/list": "ListCredUsers",
    "users/describe": "SelectUser", "users/update_password": "UpdateCredential",
    "users/grant_role": "OperateUserRole", "users/revoke_role": "OperateUserRole",
    "roles/create": "CreateRole",
    "roles/alter": "AlterRole", "roles/drop": "DropRole", "roles/list": "SelectRole",
    "roles/describe": "SelectGrant", "roles/grant_privilege": "OperatePrivilege",
    "roles/revoke_privilege": "OperatePrivilege", "roles/grant_privilege_v2": "OperatePrivilegeV2",
    "roles/revoke_privilege_v2": "OperatePrivilegeV2",
    "privilege_groups/create": "CreatePrivilegeGroup", "privilege_groups/drop": "DropPrivilegeGroup",
    "privilege_groups/list": "ListPrivilegeGroups",
    "privilege_groups/add_privileges_to_group": "OperatePrivilegeGroup",
    "privilege_groups/remove_privileges_from_group": "OperatePrivilegeGroup",
    "common/run_analyzer": "RunAnalyzer", "jobs/import/create": "Import",
    "jobs/import/list": "ListImportTasks",
    "jobs/import/describe": "GetImportState",
    "jobs/import/get_progress": "GetImportState",
    "jobs/import/commit": "GetImportState", "jobs/import/abort": "GetImportState",
  ]

  // MARK: Levels and groups

  private static let collectionReading = [
    "Query", "Search", "IndexDetail", "GetFlushState", "GetLoadState", "GetLoadingProgress", "HasPartition",
    "ShowPartitions", "DescribeCollection", "DescribeAlias", "GetStatistics", "ListAliases",
  ]
  private static let collectionWriting = [
    "Load", "Release", "Insert", "Delete", "Upsert", "Import", "Flush", "Compaction", "LoadBalance",
    "CreateIndex",
    "DropIndex", "CreatePartition", "DropPartition",
  ]
  private static let collectionAdministration = ["CreateAlias", "DropAlias"]
  private static let databaseReading = ["ShowCollections", "DescribeDatabase"]
  private static let databaseAdministration = ["CreateCollection", "DropCollection"]
  private static let clusterReading = [
    "ListDatabases", "SelectOwnership", "SelectUser", "DescribeResourceGroup", "ListResourceGroups",
    "ListPrivilegeGroups",
  ]
  private static let clusterWriting = ["FlushAll", "TransferNode", "TransferReplica", "UpdateResourceGroups"]
  private static let clusterAdministration = [
    "BackupRBAC", "RestoreRBAC", "CreateDatabase", "DropDatabase", "CreateOwnership", "DropOwnership",
    "ManageOwnership", "CreateResourceGroup", "DropResourceGroup", "UpdateUser", "RenameCollection",
    "CreatePrivilegeGroup", "DropPrivilegeGroup", "OperatePrivilegeGroup",
  ]

  /// Groups that are always there.
  static let groups: [String: [String]] = [
    "CollectionReadOnly": collectionReading,
    "CollectionReadWrite": collectionReading + collectionWriting,
    "CollectionAdmin": collectionReading + collectionWriting + collectionAdministration,
    "DatabaseReadOnly": databaseReading,
    "DatabaseReadWrite": databaseReading + ["AlterDatabase"],
    "DatabaseAdmin": databaseReading + ["AlterDatabase"] + databaseAdministration,
    "ClusterReadOnly": clusterReading,
    "ClusterReadWrite": clusterReading + clusterWriting,
    "ClusterAdmin": clusterReading + clusterWriting + clusterAdministration,
  ]

  /// Of single privileges and of groups that are always there; `nil` for others.
  static func level(of name: String) -> Level? {
    if name.hasPrefix("Collection"), groups[name] != nil { return .collection }
    if name.hasPrefix("Database"), groups[name] != nil { return .database }
    return levels[name] ?? (groups[name] == nil ? nil : .cluster)
  }

  private static let levels: [String: Level] = {
    var levels: [String: Level] = [:]
    for name in collectionReading + collectionWriting + collectionAdministration {
      levels[name] = .collection
    }
    for name in databaseReading + ["AlterDatabase"] + databaseAdministration { levels[name] = .database }
    for name in clusterReading + clusterWriting + clusterAdministration { levels[name] = .cluster }
    return levels
  }()
}
