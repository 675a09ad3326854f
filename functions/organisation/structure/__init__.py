"""Organisation: campuses, units, places, staff, posts and secondments (组织机构)."""
