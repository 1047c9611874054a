#include "source/credential_store.h"

#include <gtest/gtest.h>

namespace sluice::source {
namespace {

TEST(CredentialStore, WhoeverHasReadTheOldOnesCanTell) {
  CredentialStore store({"key", "old", ""});
  const CredentialStore::Snapshot old = store.Get();
  EXPECT_EQ(old, store.Get());
  store.Set({"key", "new", "token"});
  EXPECT_NE(old, store.Get());
  EXPECT_EQ(old->secret_access_key, "old");
  EXPECT_EQ(store.Get()->secret_access_key, "new");
  EXPECT_EQ(store.Get()->session_token, "token");
}

TEST(CredentialStore, BeginsWithoutAny) { EXPECT_TRUE(CredentialStore().Get()->anonymous()); }

}  // namespace
}  // namespace sluice::source
