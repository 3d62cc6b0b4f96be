BEGIN TRANSACTION;
CREATE TABLE about (
	"key" VARCHAR(40) NOT NULL, 
	value VARCHAR(200) NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "about" VALUES('format','1');
CREATE TABLE events (
	sweep VARCHAR(40) NOT NULL, 
	seq INTEGER NOT NULL, 
	at FLOAT NOT NULL, 
	kind VARCHAR(40) NOT NULL, 
	body TEXT NOT NULL, 
	crc BIGINT NOT NULL, 
	PRIMARY KEY (sweep, seq)
);
INSERT INTO "events" VALUES('s1',0,1750000000.0,'launched','{"sweep":"s1","name":"digits","spec":{"space":{"lr":{"float":[0.001,0.1],"log":true},"optimizer":{"choice":[{"sgd":{"momentum":{"float":[0.0,0.9]}}},{"adam":{}}]}},"objective":{"metric":"val_accuracy","mode":"max"},"budget":{"epochs":3,"trials":3},"sampler":{"name":"random","options":{}},"scheduler":{"name":"asha","options":{}},"seed":1,"retries":{"bug":0,"bad_value":0,"out_of_memory":1,"timeout":0,"hang":1,"node_lost":3,"preempted":100,"storage":1},"start":[]},"details":{"versions":{"lanewise":"0.1.0"}}}',3261278416);
INSERT INTO "events" VALUES('s1',1,1750000000.0,'opened','{"executor":"inline","why":"asked for","details":{}}',3562006429);
INSERT INTO "events" VALUES('s1',2,1750000000.0,'asked','{"number":0,"params":{"lr":0.010559497443981646,"optimizer":{"name":"adam"}},"until":1}',1610270218);
INSERT INTO "events" VALUES('s1',3,1750000000.0,'asked','{"number":1,"params":{"lr":0.004610465576228951,"optimizer":{"name":"sgd","momentum":0.45686939390317494}},"until":1}',3959192731);
INSERT INTO "events" VALUES('s1',4,1750000000.0,'ticked','{"seconds":1.0}',1913193951);
INSERT INTO "events" VALUES('s1',5,1750000000.0,'reported','{"number":0,"rows":[[1,{"val_accuracy":0.599}]],"decision":{"continue":3}}',45767663);
INSERT INTO "events" VALUES('s1',6,1750000000.0,'ticked','{"seconds":1.0}',2872232400);
INSERT INTO "events" VALUES('s1',7,1750000000.0,'reported','{"number":1,"rows":[[1,{"val_accuracy":0.595}]],"decision":{"stop":"rung 1"}}',3667305740);
INSERT INTO "events" VALUES('s1',8,1750000000.0,'asked','{"number":2,"params":{"lr":0.007885519075630157,"optimizer":{"name":"adam"}},"until":1}',3486100887);
INSERT INTO "events" VALUES('s1',9,1750000000.0,'ticked','{"seconds":2.0}',1519545847);
INSERT INTO "events" VALUES('s1',10,1750000000.0,'reported','{"number":2,"rows":[[1,{"val_accuracy":0.598}]],"decision":{"stop":"rung 1"}}',161487428);
INSERT INTO "events" VALUES('s1',11,1750000000.0,'ticked','{"seconds":3.0}',419104788);
INSERT INTO "events" VALUES('s1',12,1750000000.0,'reported','{"number":0,"rows":[[2,{"val_accuracy":0.699}],[3,{"val_accuracy":0.799}]],"decision":{"stop":"finished"}}',666575330);
INSERT INTO "events" VALUES('s1',13,1750000000.0,'closed','{"status":"done","reason":"trials"}',782857469);
CREATE TABLE requests (
	id INTEGER NOT NULL, 
	sweep VARCHAR(40) NOT NULL, 
	kind VARCHAR(40) NOT NULL, 
	at FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE INDEX ix_requests_sweep ON requests (sweep);
COMMIT;
